import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from latency.record import Measurement
from models.plan import Plan
from search import flow
from search.answer import Answer
from search.attempts import Attempts
from search.budget import Budget
from search.errors import EvaluationError, JobError, RunnerError
from search.flow import Request
from search.pools.serial import SerialPool
from search.proposing import RUNGS, ladder
from search.records import Evaluation, Event, Failure, Job
from search.rig import Scale
from search.rigs.synthetic import SyntheticRig
from search.targets import BUILTIN
from tests.search.support import SPACE, job


class Watched(SyntheticRig):
    """A simulated rig that counts what it is asked to do, and may answer a batch of evaluations backwards."""

    def __init__(self, asked: Job, backwards: bool = False) -> None:
        super().__init__(asked, BUILTIN["synthetic-swin-t"])
        self.sessions: list[str] = []
        self.evaluated: list[tuple[str, Plan]] = []
        self._backwards = backwards

    def measure(
        self, plans: Sequence[Plan], session: str, precise: bool, scale: Scale | None, tick: Callable[[int], None]
    ) -> list[Measurement]:
        self.sessions.append(session)
        return super().measure(plans, session, precise, scale, tick)

    def pool(self) -> "WatchedPool":
        return WatchedPool(self, self._backwards)


class WatchedPool(SerialPool):
    def __init__(self, rig: Watched, backwards: bool) -> None:
        super().__init__(rig._factory)
        self._rig = rig
        self._order = -1 if backwards else 1

    def evaluate(
        self, plans: Iterable[Plan], split: str = "search", attempts: Attempts | None = None
    ) -> Iterator[Evaluation | Failure]:
        for outcome in super().evaluate(plans if self._order > 0 else list(plans)[::-1], split, attempts):
            self._rig.evaluated.append((split, outcome.plan))
            yield outcome


def timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs between two runs of one search: the time and load of the machine."""
    for name in ("floor", "dense", "latency"):
        if answer[name] is not None:
            answer[name]["device"]["details"].pop("context")
    return answer


class Ran:
    """A finished flow: its events, its end, and the rig that did it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, asked: Job, **request: Any) -> None:
        self.rig = Watched(asked, request.pop("backwards", False))
        monkeypatch.setattr(flow, "set_up", lambda *_: self.rig)
        self.events: list[Event] = []
        given = {"done": (), "archive": (), "models": (), **request}
        target = BUILTIN["synthetic-swin-t"]
        self.end = flow.run(Request(asked, target, folder=folder, bundles=folder, **given), self.events.append)
        self.state = self.end.data["state"]
        self.answer = Answer.from_dict(timeless(json.loads(json.dumps(self.end.data["answer"], allow_nan=False))))

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    @property
    def asks(self) -> list[Any]:
        return [event.data["plans"] for event in self.of("ask")]

    @property
    def keyed(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.key is not None)


def fitted_model(folder: Path) -> dict[str, Any]:
    """A fitted latency model of the simulated device, as an earlier search has stored it."""
    with pytest.MonkeyPatch.context() as patch:
        ran = Ran(patch, folder, job(bundle=False, evaluations=0))
    (fitted,) = ran.of("latency_model")
    assert fitted.data["source"] == "fitted" and fitted.data["steers"]
    return {name: fitted.data[name] for name in ("device_key", "steers", "model")}


def steps(events: Iterable[Event]) -> list[str]:
    """Keys of the finished steps: all but the attempts."""
    return [event.key for event in events if event.key is not None and event.kind != "attempt"]


Run = Callable[..., Ran]


@pytest.fixture
def fit_and_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a flow, by default one that has to fit its latency model."""

    def started(max_ms: float = 30.0, changes: dict[str, Any] | None = None, **request: Any) -> Ran:
        asked = job(max_ms, **{"bundle": False, "id": "s", **(changes or {})})
        return Ran(monkeypatch, tmp_path, asked, **request)

    return started


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fitted_model(tmp_path_factory.mktemp("fit"))


@pytest.fixture
def run(fit_and_run: Run, model: dict[str, Any]) -> Run:
    """Runs a flow that finds a stored latency model."""
    return lambda *given, **request: fit_and_run(*given, **{"models": (model,), **request})


def test_a_budget_below_the_floor_is_infeasible_after_two_measurements_and_no_evaluation(run: Run) -> None:
    ran = run(5.0)
    assert ran.state == "infeasible"
    assert ran.rig.sessions == ["ends"]
    assert ran.rig.evaluated == []
    assert ran.answer.nearest == ran.answer.floor.plan == SPACE.canonical(SPACE.sparsest)
    low, high = ran.answer.floor.interval_ms
    assert low < ran.answer.floor.median_ms < high
    assert f"{ran.answer.floor.median_ms:.4g} ms (95 % interval" in ran.end.data["message"]


def test_a_window_above_dense_is_infeasible(run: Run) -> None:
    ran = run(300.0, {"budget": Budget(300.0, 200.0)})
    assert ran.state == "infeasible"
    assert ran.answer.nearest == SPACE.dense
    assert "no plan is as slow as 200 ms" in ran.end.data["message"]
    assert ran.rig.evaluated == []


def test_a_budget_above_dense_says_that_dense_fits_and_still_offers_a_front(run: Run) -> None:
    ran = run(100.0)
    assert ran.state == "succeeded"
    assert ran.answer.dense_fits
    assert ran.answer.plan == SPACE.dense
    assert len(ran.answer.front) >= 3
    assert any("dense plan fits" in event.data["message"] for event in ran.of("log"))


def test_the_answer_is_verified_confirmed_and_the_best_that_passed(run: Run) -> None:
    ran = run(30.0)
    assert ran.state == "succeeded"
    assert ran.answer.decision is not None and ran.answer.decision["upper_ms"] <= 30.0
    accepted = [event.data for event in ran.of("verify") if event.data["accepted"]]
    assert dict(ran.answer.plan or {}) == max(accepted, key=lambda data: data["metric"])["plan"]
    assert [plan for split, plan in ran.rig.evaluated if split == "confirm"] == [ran.answer.plan, SPACE.dense]
    assert ran.answer.confirmed != ran.answer.metrics
    assert ran.answer.simulated and "SIMULATED" in ran.end.data["message"]


def test_a_ladder_from_dense_to_sparsest_is_always_evaluated_and_comes_on_top(run: Run) -> None:
    ran = run(30.0)
    searched = [plan for split, plan in ran.rig.evaluated if split == "search"]
    assert len(searched) == len(set(searched)) == 12 + RUNGS
    assert searched[:RUNGS] == ladder(SPACE)
    assert (searched[0], searched[RUNGS - 1]) == (SPACE.dense, SPACE.canonical(SPACE.sparsest))
    assert (ran.answer.evaluated, ran.answer.reused) == (12, 0)
    assert ran.answer.dense_metrics is not None
    assert ran.answer.dense_metrics["bbox_mAP"] == pytest.approx(42.6, abs=0.05)


@pytest.mark.parametrize("sampler", ["evolution", "random", "tpe"])
def test_the_same_seed_asks_for_the_same_plans_and_another_does_not(run: Run, sampler: str) -> None:
    first, again, other = (run(30.0, {"sampler": sampler, "seed": seed}) for seed in (3, 3, 4))
    assert first.asks == again.asks != other.asks
    assert first.answer == again.answer


def test_who_finishes_first_changes_neither_asks_nor_answer(run: Run) -> None:
    forwards, backwards = run(30.0), run(30.0, backwards=True)
    assert [p for _, p in forwards.rig.evaluated] != [p for _, p in backwards.rig.evaluated]
    assert forwards.asks == backwards.asks
    assert forwards.answer == backwards.answer


def test_every_prefix_of_the_events_resumes_to_the_same_answer_without_repeating(run: Run) -> None:
    whole = run(30.0)
    for cut in range(0, len(whole.events) + 1, 6):
        before = [event for event in whole.events[:cut] if event.key is not None]
        resumed = run(30.0, done=tuple(before))
        assert resumed.answer == whole.answer
        # what was running is announced again, everything else is done once
        assert [*steps(before), *steps(resumed.events)] == steps(whole.events)
        known = {event.key for event in before if event.kind == "evaluation"}
        again = {event.key for event in resumed.events if event.kind == "evaluation"}
        assert not known & again
        assert len([1 for split, _ in resumed.rig.evaluated if split == "search"]) == 12 + RUNGS - len(known)


def test_a_finished_search_resumes_without_any_work(run: Run) -> None:
    whole = run(30.0)
    resumed = run(30.0, done=whole.keyed)
    assert resumed.answer == whole.answer
    assert (resumed.rig.sessions, resumed.rig.evaluated, resumed.keyed) == ([], [], ())


def test_refuses_to_mix_the_asks_of_two_samplers(run: Run) -> None:
    whole = run(30.0)
    with pytest.raises(RunnerError, match="asks for other plans than before"):
        run(30.0, {"sampler": "random"}, done=whole.keyed)


def archive_of(ran: Ran) -> tuple[Evaluation, ...]:
    return tuple(Evaluation.from_dict(event.data["evaluation"]) for event in ran.of("evaluation"))


def test_the_archive_answers_the_same_asks_without_an_evaluation(run: Run) -> None:
    first = run(30.0)
    again = run(30.0, archive=archive_of(first))
    assert again.asks == first.asks
    assert again.answer.plan == first.answer.plan
    assert [plan for split, plan in again.rig.evaluated if split == "search"] == []
    assert again.answer.reused == 12 + RUNGS
    assert {event.data["origin"] for event in again.of("evaluation")} == {"archive"}


def test_no_evaluations_answer_from_the_archive_alone(run: Run) -> None:
    first = run(30.0)
    again = run(31.0, {"evaluations": 0}, archive=archive_of(first))
    assert again.state == "succeeded"
    assert again.answer.metrics is not None and first.answer.metrics is not None
    assert again.answer.metrics["bbox_mAP"] >= first.answer.metrics["bbox_mAP"]
    assert [plan for split, plan in again.rig.evaluated if split == "search"] == []


def test_an_archive_may_be_ignored_as_candidates(run: Run) -> None:
    first = run(30.0)
    again = run(30.0, {"archive": False, "seed": 9, "evaluations": 4}, archive=archive_of(first))
    own = {*ladder(SPACE), *(Plan.of(plan) for plans in again.asks for plan in plans)}
    assert {point.plan for point in again.answer.front} <= own


def test_evaluations_on_other_images_are_no_archive(run: Run) -> None:
    first = run(30.0)
    again = run(30.0, {"images": 50}, archive=archive_of(first))
    assert again.answer.reused == 0


def test_without_a_stored_model_designed_plans_are_measured_and_fitted(fit_and_run: Run) -> None:
    ran = fit_and_run(30.0)
    assert ran.of("latency_model")[0].data["source"] == "fitted"
    assert ran.rig.sessions[:2] == ["ends", "design:0"]
    (design,) = [event.data for event in ran.of("measurement") if event.data["purpose"] == "design"]
    assert 33 <= len(design["measurements"]) <= 58
    assert {record["reference_ms"] for record in design["measurements"]} == {ran.answer.floor.reference_ms}
    again = fit_and_run(30.0)
    assert (again.asks, again.answer) == (ran.asks, ran.answer)


def test_a_stored_model_of_the_device_is_reused_and_keeps_the_millisecond(run: Run, model: dict[str, Any]) -> None:
    first, again = run(30.0), run(30.0, {"seed": 5})
    for ran in (first, again):
        assert ran.of("latency_model")[0].data["source"] == "stored"
        assert not [session for session in ran.rig.sessions if session.startswith("design")]
        assert ran.answer.floor.reference_ms == model["model"]["reference_ms"]
    # the same truth, whatever the state the session met the device in
    assert again.answer.floor.median_ms == pytest.approx(first.answer.floor.median_ms, rel=0.01)


@pytest.mark.parametrize("change", [{"device_key": "other"}, {"steers": False}])
def test_a_stored_model_of_another_device_or_one_that_may_not_steer_is_not(
    fit_and_run: Run, model: dict[str, Any], change: dict[str, Any]
) -> None:
    ran = fit_and_run(30.0, {"evaluations": 0}, models=({**model, **change},))
    assert ran.of("latency_model")[0].data["source"] == "fitted"


def test_a_given_model_steers_and_one_of_another_device_is_refused(fit_and_run: Run, model: dict[str, Any]) -> None:
    given = {"latency_model": model["model"], "evaluations": 0}
    assert fit_and_run(30.0, given).of("latency_model")[0].data["source"] == "given"
    with pytest.raises(JobError, match="latency_model is no latency model"):
        fit_and_run(30.0, {"latency_model": {"a": 1}})
    other = job().setting.to_dict() | {"device": "sim:7"}
    with pytest.raises(JobError, match="not of this device and setting"):
        fit_and_run(30.0, {**given, "setting": type(job().setting).from_dict(other)})


def test_a_window_keeps_the_answer_inside_both_bounds(run: Run) -> None:
    ran = run(30.0, {"budget": Budget(30.0, 25.0), "evaluations": 24})
    assert ran.state == "succeeded"
    assert ran.answer.decision is not None
    assert 25.0 < ran.answer.decision["estimate_ms"] < 30.0


def test_a_tail_budget_is_decided_on_the_tail(run: Run) -> None:
    ran = run(36.0, {"budget": Budget(36.0, statistic="p90"), "sessions": 1, "finalists": 3})
    assert ran.state == "succeeded"
    assert ran.answer.decision is not None
    assert ran.answer.decision["statistic"] == "p90"
    assert ran.answer.decision["upper_ms"] <= 36.0


def test_a_budget_just_above_the_floor_falls_back_to_the_sparsest_plan(run: Run) -> None:
    floor = run(5.0).answer.floor
    ran = run(floor.median_ms * 1.05, {"evaluations": 0})
    assert ran.state == "succeeded"
    assert ran.answer.plan == floor.plan
    assert ran.answer.metrics is not None


def test_when_nothing_passes_it_says_so_and_names_the_nearest(run: Run) -> None:
    floor = run(5.0).answer.floor
    # neither surely above the budget nor surely below: the two measurements of the ends cannot tell
    ran = run(floor.median_ms, {"evaluations": 0})
    assert ran.state == "infeasible"
    assert ran.answer.nearest == floor.plan
    assert ran.answer.plan is None
    assert "no plan was shown to meet" in ran.end.data["message"]


def test_an_evaluation_that_fails_fails_the_search_with_its_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, plan: Plan, split: str = "search", blocks: Any = None) -> Evaluation:
        raise EvaluationError("the images are gone")

    monkeypatch.setattr("search.evaluators.synthetic.SyntheticEvaluator.evaluate", broken)
    with pytest.raises(EvaluationError, match="the images are gone"):
        run(30.0)


def test_fronts_grow_by_round_and_name_the_best_so_far(run: Run) -> None:
    ran = run(30.0)
    rounds = [event.data for event in ran.of("front")]
    assert [data["evaluated"] for data in rounds] == [4, 8, 12]
    best = [data["best"]["metric"] for data in rounds if data["best"]]
    assert best == sorted(best)
    for data in rounds:
        latencies = [point["latency_ms"] for point in data["points"]]
        metrics = [point["metric"] for point in data["points"]]
        assert latencies == sorted(latencies) and metrics == sorted(metrics)


def test_trials_are_numbered_in_the_order_of_asking(run: Run) -> None:
    ran = run(30.0, backwards=True)
    numbered = sorted((event.data for event in ran.of("evaluation")), key=lambda data: data["number"])
    asked = [*map(dict, ladder(SPACE)), *(plan for plans in ran.asks for plan in plans)]
    assert [data["evaluation"]["plan"] for data in numbered] == asked
