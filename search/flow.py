"""One search, from the request to the answer: the steps in the order that costs least.

    floor and dense -> latency model -> archive -> propose and evaluate -> verify -> confirm -> export

A deterministic function of the request; whatever costs or is random happens inside journaled steps (`search.journal`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latency.predictor import LatencyModel
from latency.record import Measurement
from models.plan import Plan
from search.answer import Answer
from search.ending import end, found, nearest, nothing_passed
from search.feasibility import Ends, describe, measure_ends
from search.front import front, points
from search.journal import Emit, Journal
from search.modelling import known_model, latency_model
from search.records import Evaluation, Event, Job
from search.rig import Rig, Scale, set_up
from search.rounds import Rounds
from search.steering import Steering
from search.targets import Target
from search.trials import Trials
from search.verify import Verdict


@dataclass(frozen=True, slots=True)
class Request:
    """What a runner gets.

    Args:
        job: the request of the user.
        target: what it is about.
        done: keyed events of earlier runs of this search.
        archive: earlier evaluations of the target, by any search.
        models: stored latency models of the target.
        folder: logs and scratch of this search.
        bundles: where bundles go unless the job says otherwise.
        stop: no more plans shall be evaluated (`run`).
    """

    job: Job
    target: Target
    done: tuple[Event, ...]
    archive: tuple[Evaluation, ...]
    models: tuple[Mapping[str, Any], ...]
    folder: Path
    bundles: Path
    stop: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Request":
        """Read the line that the coordinator writes."""
        return cls(
            Job.from_dict(data["job"]),
            Target.from_dict(data["target"]),
            tuple(Event.from_dict(event) for event in data["done"]),
            tuple(Evaluation.from_dict(one) for one in data["archive"]),
            tuple(data["models"]),
            Path(data["folder"]),
            Path(data["bundles"]),
            data.get("stop", False),
        )


def run(request: Request, emit: Emit, stopping: Callable[[], bool] = lambda: False) -> Event:
    """Run a search to its end; returns the `end` event, which is not emitted.

    Args:
        request: what to do, and what is done.
        emit: takes every new event.
        stopping: once true, no more plans are evaluated: the search verifies what it has and ends as `stopped`.
    Raises:
        SearchError, ModelError, LatencyError: the search cannot go on; the message is for the user.
    """
    journal = Journal(emit, request.done)
    rig = set_up(request.job, request.target)
    try:
        return _Search(request, rig, journal, lambda: request.stop or stopping()).run()
    finally:
        rig.close()


class _Search:
    """The steps of one search, sharing request, rig and journal."""

    def __init__(self, request: Request, rig: Rig, journal: Journal, stopping: Callable[[], bool]) -> None:
        self._request = request
        self._job = request.job
        self._rig = rig
        self._journal = journal
        self._stopping = stopping

    def run(self) -> Event:
        job, rig, journal = self._job, self._rig, self._journal
        prepared = {"space": rig.space.to_json(), "device": rig.device, "device_key": rig.device_key}
        journal.step("prepared", "prepared", lambda: {**prepared, "simulated": rig.simulated, "plans": len(rig.space)})
        journal.note("state", {"state": "running", "message": ""})
        known = known_model(job, rig, self._request.models)
        ends = self._measure_ends(Scale.of(known[1]) if known else None)
        answer = Answer(
            plan=None, floor=ends.floor, dense=ends.dense, dense_fits=ends.dense_fits, simulated=rig.simulated
        )
        if ends.infeasible:
            return end("infeasible", ends.infeasible, replace(answer, nearest=ends.nearest))
        if ends.dense_fits:
            journal.log(f"the dense plan fits by itself: {describe(ends.dense)} within {job.budget}")
        if self._stopping() and not self._has_candidates():
            return end("stopped", "stopped before anything was evaluated", answer)
        model = self._model(ends, known)
        steering = Steering(model, job.budget, _tail(job, ends))
        trials = Trials(job, rig, journal, steering, self._archive(), self._stopping)
        rounds = Rounds(job, rig, journal, steering, trials, self._stopping, Scale.of(ends.floor))
        verdict = rounds.run()
        if not trials.known:
            return end("stopped", "stopped before anything was evaluated", answer)
        self._say_verified(verdict)
        answer = self._describe(replace(answer, evaluated=rounds.asked), trials, verdict, steering)
        stopped = self._stopping()
        if verdict.winner is None:
            measured = {ends.floor.plan: ends.floor, ends.dense.plan: ends.dense, **verdict.measured}
            answer = replace(answer, nearest=nearest(job, measured))
            return end("stopped" if stopped else "infeasible", nothing_passed(job, verdict, stopped), answer)
        answer = self._export(self._confirm(answer, verdict.winner.plan, trials))
        stopped = self._stopping()
        return end("stopped" if stopped else "succeeded", found(job, answer, stopped), answer)

    def _measure_ends(self, scale: Scale | None) -> Ends:
        """Step 2."""
        ends = measure_ends(self._job, self._rig, self._journal, scale)
        reason = "infeasible" if ends.infeasible else "dense-fits" if ends.dense_fits else "budget-in-range"
        message = f"floor {describe(ends.floor)}, dense {describe(ends.dense)}"
        self._journal.condition("FloorMeasured", True, reason, message)
        return ends

    def _model(self, ends: Ends, known: tuple[str, LatencyModel] | None) -> LatencyModel:
        """Step 3."""
        model = latency_model(self._job, self._rig, self._journal, [ends.floor, ends.dense], known)
        source = self._journal.finished["model"]["source"]
        passed = model.gates.passed
        message = "its forecasts steer" if passed else "it missed a gate: its forecasts are uncertain"
        self._journal.condition("ModelReady", True, source if passed else f"{source}-uncertain", message)
        return model

    def _archive(self) -> Mapping[Plan, Evaluation]:
        """Step 4."""
        request = self._request
        digest = self._rig.pool().digest("search") if request.archive or request.done else None
        archive = {one.plan: one for one in request.archive if one.split == "search" and one.data == digest}
        if archive:
            self._journal.log(f"the archive holds {len(archive)} evaluations of this target")
        return archive

    def _has_candidates(self) -> bool:
        return bool(self._request.archive) or any(key.startswith("evaluate:") for key in self._journal.finished)

    def _say_verified(self, verdict: Verdict) -> None:
        passed = verdict.winner is not None
        message = f"{verdict.tried} candidates were measured, {'one' if passed else 'none'} is surely within the budget"
        self._journal.condition("Verified", passed, "within-budget" if passed else "none-passed", message)

    def _describe(self, answer: Answer, trials: Trials, verdict: Verdict, steering: Steering) -> Answer:
        known: dict[Plan, Evaluation] = dict(trials.known)
        measured = {answer.floor.plan: answer.floor, answer.dense.plan: answer.dense, **verdict.measured}
        shown = front(points(known.values(), self._job.metric, steering, measured, self._job.budget))
        dense = known.get(self._rig.space.canonical(self._rig.space.dense))  # None: stopped before it was its turn
        answer = replace(
            answer,
            dense_metrics=None if dense is None else dict(dense.metrics),
            front=tuple(shown),
            reused=trials.reused,
        )
        if verdict.winner is None or verdict.decision is None:
            return answer
        plan = verdict.winner.plan
        return replace(
            answer,
            plan=plan,
            latency=measured[plan],
            decision=verdict.decision.to_dict(),
            metrics=dict(known[plan].metrics),
        )

    def _confirm(self, answer: Answer, plan: Plan, trials: Trials) -> Answer:
        """Accuracy of winner and dense on images that the search did not use."""
        dense = self._rig.space.canonical(self._rig.space.dense)

        def compute() -> dict[str, Any]:
            confirmed = trials.confirm(list(dict.fromkeys([plan, dense])))
            return {
                "plan": dict(plan),
                "metrics": dict(confirmed[plan].metrics),
                "dense": dict(confirmed[dense].metrics),
                "images": confirmed[plan].images,
                "evaluations": [one.to_dict() for one in confirmed.values()],
            }

        data = self._journal.step("confirm", "confirm", compute)
        return replace(answer, confirmed=data["metrics"], dense_confirmed=data["dense"])

    def _export(self, answer: Answer) -> Answer:
        """Step 7; the bundle of a synthetic target has no model, and says so."""
        if not self._job.bundle:
            return answer
        from search.exporting import export

        request, steps = self._request, self._journal.finished
        data = self._journal.step(
            "export", "export", lambda: export(self._job, request.target, answer, steps, request.bundles)
        )
        self._journal.condition("Exported", True, "bundle-written", f"the bundle is {data['path']}")
        return replace(answer, bundle=data["path"])


def _tail(job: Job, ends: Ends) -> float:
    """Ratio of the budget's statistic to the median, the larger of the two ends'."""
    if job.budget.statistic == "median":
        return 1.0
    return max(statistic(one, job.budget.statistic) / one.median_ms for one in (ends.floor, ends.dense))


def statistic(measurement: Measurement, name: str) -> float:
    """median_ms, p90_ms, p95_ms or p99_ms of a record."""
    value: float = getattr(measurement, f"{name}_ms")
    return value
