"""The dry run: what earlier searches know, and what they do not."""

from typing import Any

import pytest

from api.schemas.validation import Validation
from tests.api.support import AppClient

BODY: dict[str, Any] = {"target": "synthetic-swin-t", "max_ms": 30}


def validate(client: AppClient, **change: Any) -> Validation:
    answer = client.post("/v1/searches:validate", json={**BODY, **change})
    assert answer.status_code == 200, answer.text
    return Validation.model_validate(answer.json())


def test_before_the_first_search_nothing_is_known_and_that_is_said(stuck: AppClient) -> None:
    told = validate(stuck)
    assert (told.feasible, told.floor_ms, told.dense_ms, told.space_size, told.feasible_estimate, told.eta_s) == (
        None,
    ) * 6
    assert any("first seconds of the search" in warning for warning in told.warnings)
    assert stuck.get("/v1/searches").json()["items"] == []


def test_after_a_search_floor_dense_space_share_and_time_are_known(reading: AppClient, done: dict[str, Any]) -> None:
    told = validate(reading)
    assert told.feasible is True
    assert told.floor_ms == pytest.approx(done["floor"]["ms"], rel=0.05)
    assert told.dense_ms == pytest.approx(done["dense"]["ms"], rel=0.05)
    assert told.space_size == 120_285  # 9 x 9 x 165 x 9
    assert told.feasible_estimate is not None and 0 < told.feasible_estimate < told.space_size
    assert told.eta_s is not None and 0 < told.eta_s < 600
    assert any("measured by search" in warning for warning in told.warnings)


def test_more_budget_fits_more_plans(reading: AppClient, done: dict[str, Any]) -> None:
    found = [validate(reading, max_ms=ms).feasible_estimate for ms in (12, 20, 30, 100)]
    assert found == sorted(found, key=lambda one: one or 0) and found[-1] == 120_285
    window = validate(reading, max_ms=30, min_ms=20).feasible_estimate
    assert window is not None and found[2] is not None and 0 < window < found[2]


@pytest.mark.parametrize(
    ("change", "feasible"),
    [({"max_ms": 5}, False), ({"max_ms": 400, "min_ms": 300}, False), ({"max_ms": 100, "min_ms": 20}, True)],
)
def test_a_budget_outside_the_space_is_seen_before_the_search(
    reading: AppClient, done: dict[str, Any], change: dict[str, Any], feasible: bool
) -> None:
    told = validate(reading, **change)
    assert told.feasible is feasible
    assert any("no plan can meet" in warning for warning in told.warnings) is not feasible


def test_measurements_of_another_setting_do_not_count(reading: AppClient, done: dict[str, Any]) -> None:
    for change in ({"setting": {"batch": 1}}, {"setting": {"device": "sim:5"}}, {"setting": {"dtype": "float16"}}):
        told = validate(reading, **change)
        assert told.floor_ms is None and told.feasible is None
        assert told.eta_s is not None  # how long an evaluation takes does not hang on what is timed


def test_more_evaluations_take_longer(reading: AppClient, done: dict[str, Any]) -> None:
    few, many = (validate(reading, effort={"evaluations": count}).eta_s for count in (1, 10_000))
    assert few is not None and many is not None and few < many
