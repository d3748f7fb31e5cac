"""Evaluators that crash, hang, raise, run out of memory or give NaN, in real runners: what comes of the search."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.plan import Plan
from search.attempts import ATTEMPTS
from search.evaluators.synthetic import is_faulty
from search.outcomes import LEAST
from search.proposing import ladder
from search.records import Event
from tests.search.staging import Stage
from tests.search.support import SPACE
from tests.search.test_flow import fitted_model, timeless

SHARE = 0.3
TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fitted_model(tmp_path_factory.mktemp("fit"))


@pytest.fixture
def stage(tmp_path: Path, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path))  # targets of this home
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Stage(tmp_path, model)
    yield made
    made.store.close()


#   fault     cause      attempts
FATES = [("crash", "crash", ATTEMPTS), ("hang", "timeout", ATTEMPTS), ("nan", "nan", 1), ("raise", "error", ATTEMPTS),
         ("memory", "memory", ATTEMPTS)]  # fmt: skip


@pytest.mark.parametrize(("fault", "cause", "attempts"), FATES)
def test_an_evaluator_that_always_fails_ends_the_search_with_the_cause(
    stage: Stage, fault: str, cause: str, attempts: int
) -> None:
    stage.set_options(f'fault = "{fault}"')
    outcome = stage.run(evaluation_timeout_s=TIMEOUT_S)
    assert outcome.state == "failed"
    assert f"{LEAST} of {LEAST} evaluations failed, most often by {cause} ({LEAST} times)" in outcome.message
    failures = stage.of("failure")
    assert [(one["cause"], one["attempts"]) for one in failures] == [(cause, attempts)] * LEAST
    assert [one["number"] for one in failures] == list(range(LEAST))
    assert stage.of("evaluation") == []
    assert stage.store.archive(stage.store.search("s").target_digest) == []
    begun = stage.tries("started")
    assert len(begun) == LEAST * attempts
    for event in begun:
        if fault != "nan":  # whose evaluations end like others
            assert stage.at[f"{event.key}:end"] - stage.at[str(event.key)] < TIMEOUT_S + 5.0


@pytest.mark.parametrize("fault", ["crash", "raise", "nan"])
def test_a_search_goes_on_without_the_plans_that_fail(stage: Stage, fault: str) -> None:
    stage.set_options(f'fault = "{fault}", fault_share = {SHARE}')
    outcome = stage.run(evaluations=12)
    assert outcome.state == "succeeded", outcome.message
    assert outcome.answer is not None and outcome.answer.plan is not None
    failed = {Plan.of(one["plan"]) for one in stage.of("failure")}
    asked = {*ladder(SPACE), *(Plan.of(plan) for one in stage.of("ask") for plan in one["plans"])}
    # the ladder and the asks hold some of both, or this test shows nothing
    assert failed == {plan for plan in asked if is_faulty(plan, SHARE)} != set()
    shown = {point.plan for point in outcome.answer.front} | {outcome.answer.plan}
    assert not shown & failed
    assert len(asked - failed) == len(stage.of("evaluation"))
    archived = {one.plan for one in stage.store.archive(stage.store.search("s").target_digest)}
    assert not archived & failed
    # nobody asks again for what failed
    again = Counter(Plan.of(plan) for one in stage.of("ask") for plan in one["plans"])
    assert again.most_common(1)[0][1] == 1


def test_who_evaluates_makes_no_difference_to_what_fails_and_what_is_found(
    tmp_path: Path, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for pool, workers in (("serial", 1), ("ray", 2)):
        monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path / pool))
        stage = Stage(tmp_path / pool, model, f'fault = "crash", fault_share = {SHARE}')
        outcome = stage.run(pool=pool, workers=workers)
        stage.store.close()
        assert outcome.answer is not None
        failures = sorted((one["number"], one["cause"], one["attempts"]) for one in stage.of("failure"))
        found[pool] = (timeless(outcome.answer.to_dict()), failures, [one["plans"] for one in stage.of("ask")])
    assert found["serial"] == found["ray"]
    assert found["ray"][1]


@pytest.mark.parametrize("everything", [False, True])
def test_losing_ray_costs_only_what_was_running(stage: Stage, everything: bool) -> None:
    """F10: the raylet, or all of Ray, is killed in the middle: it goes on within a minute and repeats nothing."""
    times: dict[str, float] = {}
    finished: list[str] = []

    def show(event: Event) -> None:
        lost = [one for one in stage.of("condition") if one["type"] == "ExecutorLost"]
        if event.kind == "evaluation" and len(stage.of("evaluation")) == 3:
            finished.extend(SPACE.plan(one["evaluation"]["plan"]).to_json() for one in stage.of("evaluation"))
            for one in psutil.Process().children(recursive=True):
                if one.name() == "raylet" or (everything and (one.name() == "gcs_server" or "ray::" in one.name())):
                    one.kill()
            times["killed"] = time.monotonic()
        elif event.kind == "evaluation" and lost and not lost[-1]["status"]:
            times.setdefault("back", time.monotonic())

    stage.set_options("delay_s = 0.4")
    outcome = stage.run(show, pool="ray", workers=2)
    assert outcome.state == "succeeded", outcome.message
    assert times["back"] - times["killed"] < 60.0
    told = [(one["status"], one["reason"]) for one in stage.of("condition") if one["type"] == "ExecutorLost"]
    assert told == [(True, "ray-lost"), (False, "ray-restarted")]
    # the same runner, and nobody's failure
    assert stage.store.search("s").attempts == 1
    assert stage.of("failure") == []
    assert {one["attempts"] for one in stage.of("evaluation")} == {1}
    counted = Counter(plan.to_json() for plan in stage.evaluated)
    assert len(finished) == 3
    assert all(counted[plan] == 1 for plan in finished)
    assert counted.total() - len(counted) <= 2  # what two workers were doing
