"""The front over HTTP: of the answer, for other budgets, as CSV, while the search runs."""

import csv
import io
from typing import Any

import pytest

from api.schemas.front import Front
from tests.api.routes.conftest import problem
from tests.api.support import AppClient


def test_the_front_has_the_answer_the_ends_and_a_verdict(reading: AppClient, path: str, done: dict[str, Any]) -> None:
    front = Front.model_validate(reading.get(f"{path}/front").json())
    chosen = [point for point in front.points if point.chosen]
    assert [point.id for point in chosen] == [done["answer"]["point"]] == [front.chosen]
    assert chosen[0].meets == "yes" and chosen[0].exported and chosen[0].latency.measured
    assert chosen[0].metrics == done["answer"]["metrics"]
    assert front.dense is not None and front.floor is not None and front.device is not None
    assert front.floor.latency.ms == done["floor"]["ms"] and front.dense.latency.ms == done["dense"]["ms"]
    assert front.dense.metric == done["answer"]["dense_metrics"]["bbox_mAP"]
    assert front.verdict == done["answer"]["verdict"]
    assert front.hypervolume is not None and front.hypervolume > 0
    fastest_first = [point.latency.ms for point in front.points]
    assert fastest_first == sorted(fastest_first)
    assert [p.metric for p in front.points] == sorted(p.metric or 0 for p in front.points)


def test_another_budget_is_judged_without_a_trial(reading: AppClient, path: str, done: dict[str, Any]) -> None:
    tight, loose = (reading.get(f"{path}/front?budget_ms={ms}").json() for ms in (15, 1000))
    assert tight["budget"] == {"max_ms": 15.0, "min_ms": None, "stat": "median"}
    assert [point["id"] for point in tight["points"]] == [point["id"] for point in loose["points"]]
    for point in tight["points"]:
        latency = point["latency"]
        if point["meets"] == "yes":
            assert latency["ms"] <= 15
        if point["meets"] == "no":
            assert latency["ms"] >= 15
    assert {point["meets"] for point in loose["points"]} == {"yes"}
    assert reading.get(path).json()["trials"] == done["trials"]


@pytest.mark.parametrize(
    "query", ["budget_ms=NaN", "budget_ms=0", "budget_ms=-1", "budget_ms=1e308", "budget_ms=x", "format=xml"]
)
def test_a_budget_that_is_none_is_refused(reading: AppClient, path: str, query: str) -> None:
    problem(reading.get(f"{path}/front?{query}"), 422, "invalid-request")


@pytest.mark.parametrize(
    ("query", "headers", "kind"),
    [
        ("", {}, "application/json"),
        ("?format=csv", {}, "text/csv"),
        ("", {"Accept": "text/csv"}, "text/csv"),
        ("?format=json", {"Accept": "text/csv"}, "application/json"),
        ("", {"Accept": "text/csv;q=0.1, application/json"}, "application/json"),
    ],
)
def test_the_form_is_chosen_by_the_query_or_by_accept(
    reading: AppClient, path: str, query: str, headers: dict[str, str], kind: str
) -> None:
    answer = reading.get(f"{path}/front{query}", headers=headers)
    assert answer.headers["content-type"].startswith(kind)
    if kind == "text/csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["point"] for row in rows] == [p["id"] for p in reading.get(f"{path}/front").json()["points"]]
        assert answer.headers["content-disposition"].startswith('attachment; filename="front-')


def test_a_search_that_found_nothing_yet_has_an_empty_front(stuck: AppClient) -> None:
    path = stuck.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 30}).json()["links"]["self"]
    front = Front.model_validate(stuck.get(f"{path}/front").json())
    assert front.points == [] and front.chosen is None and front.dense is None and front.knee is None
    assert stuck.get(f"{path}/front?format=csv").text.count("\n") == 1
