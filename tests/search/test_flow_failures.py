"""What becomes of a search, inside one process, when evaluations fail; and the conditions that it settles."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from models.plan import Plan
from search.errors import EvaluationError
from search.evaluators.synthetic import SyntheticEvaluator, is_faulty
from search.proposing import FAILED_EXCESS, RUNGS
from search.records import Evaluation
from search.samplers.evolution import Evolution
from search.samplers.protocol import Result
from tests.search.support import SPACE, job
from tests.search.test_flow import Ran, fitted_model, steps

Run = Callable[..., Ran]
Broken = Callable[[Plan, str], bool]
DENSE = SPACE.canonical(SPACE.dense)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fitted_model(tmp_path_factory.mktemp("fit"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: dict[str, Any]) -> Run:
    def started(changes: dict[str, Any] | None = None, max_ms: float = 30.0, **request: Any) -> Ran:
        asked = job(max_ms, **{"bundle": False, "id": "s", **(changes or {})})
        return Ran(monkeypatch, tmp_path, asked, **{"models": (model,), **request})

    return started


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the evaluator raise, or give other metrics, for some plans on some splits."""
    whole = SyntheticEvaluator.evaluate

    def begin(broken: Broken, metrics: dict[str, float] | None = None) -> None:
        def evaluate(
            self: SyntheticEvaluator, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None
        ) -> Evaluation:
            if not broken(plan, split):
                return whole(self, plan, split, blocks)
            if metrics is None:
                raise EvaluationError("the images are gone")
            return Evaluation(plan, 500, split, metrics, data=self.digest(split))

        monkeypatch.setattr(SyntheticEvaluator, "evaluate", evaluate)

    return begin


def test_conditions_become_true_in_their_order_and_once(run: Run) -> None:
    ran = run({"bundle": True})
    told = [(event.data["type"], event.data["status"], event.data["reason"]) for event in ran.of("condition")]
    assert told == [
        ("FloorMeasured", True, "budget-in-range"),
        ("ModelReady", True, "stored"),
        ("Verified", True, "within-budget"),
        ("Exported", True, "bundle-written"),
    ]
    assert "ms (95 % interval" in ran.of("condition")[0].data["message"]
    assert run({"bundle": True}, done=ran.keyed).of("condition") == []


def test_an_infeasible_search_settles_the_floor_alone(run: Run) -> None:
    (floor,) = run(max_ms=5.0).of("condition")
    assert (floor.data["type"], floor.data["reason"]) == ("FloorMeasured", "infeasible")


def test_a_failed_plan_is_told_as_worse_than_any_other(
    run: Run, spoil: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[Plan, Result] = {}
    tell = Evolution.tell

    def listen(self: Evolution, results: Sequence[Result]) -> None:
        told.update({result.plan: result for result in results})
        tell(self, results)

    monkeypatch.setattr(Evolution, "tell", listen)
    spoil(lambda plan, split: is_faulty(plan, 0.3))
    ran = run({"evaluations": 24})
    assert ran.state == "succeeded"
    failed = {plan for plan in told if is_faulty(plan, 0.3)}
    assert failed and failed != set(told)
    for plan, result in told.items():
        assert (result.metric is None) == (plan in failed)
        assert (result.excess >= FAILED_EXCESS) == (plan in failed)
    keys = {event.key for event in ran.of("failure")}
    assert keys and all(str(key).startswith("evaluate:") for key in keys)
    assert {event.data["reason"] for event in ran.of("failure")} == {"the images are gone"}


def test_failures_are_read_back_like_everything_else(run: Run, spoil: Callable[..., None]) -> None:
    spoil(lambda plan, split: is_faulty(plan, 0.3))
    whole = run()
    for cut in range(0, len(whole.events) + 1, 9):
        before = [event for event in whole.events[:cut] if event.key is not None]
        resumed = run(done=tuple(before))
        assert resumed.answer == whole.answer
        assert [*steps(before), *steps(resumed.events)] == steps(whole.events)


@pytest.mark.parametrize(
    ("metrics", "cause"),
    [({"segm_mAP": 30.0}, "error"), ({"bbox_mAP": math.nan}, "nan"), ({"bbox_mAP": -math.inf}, "nan")],
)
def test_without_the_metric_of_the_job_an_evaluation_failed(
    run: Run, spoil: Callable[..., None], metrics: dict[str, float], cause: str
) -> None:
    spoil(lambda plan, split: is_faulty(plan, 0.3), metrics)
    ran = run()
    assert {event.data["cause"] for event in ran.of("failure")} == {cause}
    shown = [point for event in ran.of("front") for point in event.data["points"]]
    assert all(math.isfinite(point["metric"]) and not is_faulty(Plan.of(point["plan"]), 0.3) for point in shown)


def test_an_archive_without_the_metric_of_the_job_is_none(run: Run) -> None:
    first = run()
    found = [Evaluation.from_dict(event.data["evaluation"]) for event in first.of("evaluation")]
    poor = tuple(Evaluation(one.plan, one.images, one.split, {"segm_mAP": 1.0}, data=one.data) for one in found)
    again = run(archive=poor)
    assert again.answer.reused == 0
    assert again.answer.plan == first.answer.plan


def test_without_the_dense_plan_there_is_no_answer(run: Run, spoil: Callable[..., None]) -> None:
    spoil(lambda plan, split: plan == DENSE)
    with pytest.raises(
        EvaluationError,
        match="the dense plan could not be evaluated, so nothing can be compared with it: error, the im",
    ):
        run()


def test_without_a_confirmation_there_is_no_answer(run: Run, spoil: Callable[..., None]) -> None:
    spoil(lambda plan, split: split == "confirm" and plan != DENSE)
    with pytest.raises(EvaluationError, match="could not be confirmed on images that the search did not use: error, "):
        run()


def test_who_finishes_first_does_not_change_when_a_search_is_given_up(run: Run, spoil: Callable[..., None]) -> None:
    spoil(lambda plan, split: is_faulty(plan, 0.3) or is_faulty(plan, 0.75))
    messages = []
    for backwards in (False, True):
        with pytest.raises(EvaluationError, match=r"of \d+ evaluations failed, most often by error") as caught:
            run(backwards=backwards)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_stopped_search_begins_nothing(run: Run) -> None:
    ran = run(stop=True)
    assert (ran.state, ran.rig.evaluated, ran.rig.sessions) == ("stopped", [], ["ends"])


def test_a_search_that_is_stopped_when_all_is_known_answers(run: Run) -> None:
    whole = run()
    upto = [
        event
        for event in whole.keyed
        if event.kind in ("prepared", "measurement", "latency_model", "ask", "evaluation")
    ]
    ran = run(done=tuple(upto), stop=True)
    assert ran.state == "stopped"
    assert ran.answer.plan == whole.answer.plan
    assert [plan for split, plan in ran.rig.evaluated if split == "search"] == []
    assert len(ran.of("evaluation")) == 0
    assert ran.answer.evaluated == 12 and len(ran.answer.front) == len(whole.answer.front)
    assert len([event for event in upto if event.kind == "evaluation"]) == RUNGS + 12
