"""One search, from the request to the answer: the steps in the order that costs least.

    floor and dense -> latency model -> archive -> propose and evaluate -> verify -> confirm -> export

A deterministic function of the request; whatever costs or is random happens inside journaled steps (`search.journal`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latency.record import Measurement
from models.plan import Plan
from search.answer import Answer
from search.feasibility import Ends, describe, measure_ends
from search.front import front, points
from search.journal import Emit, Journal
from search.modelling import known_model, latency_model
from search.proposing import Proposing
from search.records import Evaluation, Event, Job
from search.rig import Rig, Scale, set_up
from search.samplers import SAMPLERS, Problem
from search.steering import Steering
from search.targets import Target
from search.verify import Verdict, verify


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
    """

    job: Job
    target: Target
    done: tuple[Event, ...]
    archive: tuple[Evaluation, ...]
    models: tuple[Mapping[str, Any], ...]
    folder: Path
    bundles: Path

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
        )


def run(request: Request, emit: Emit) -> Event:
    """Run a search to its end; returns the `end` event, which is not emitted.

    Raises:
        SearchError, ModelError, LatencyError: the search cannot go on; the message is for the user.
    """
    journal = Journal(emit, request.done)
    rig = set_up(request.job, request.target)
    try:
        return _Search(request, rig, journal).run()
    finally:
        rig.close()


class _Search:
    """The steps of one search, sharing request, rig and journal."""

    def __init__(self, request: Request, rig: Rig, journal: Journal) -> None:
        self._request = request
        self._job = request.job
        self._rig = rig
        self._journal = journal

    def run(self) -> Event:
        job, rig, journal = self._job, self._rig, self._journal
        prepared = {"space": rig.space.to_json(), "device": rig.device, "device_key": rig.device_key}
        journal.step("prepared", "prepared", lambda: {**prepared, "simulated": rig.simulated, "plans": len(rig.space)})
        journal.note("state", {"state": "running", "message": ""})
        known = known_model(job, rig, self._request.models)
        ends = measure_ends(job, rig, journal, Scale.of(known[1]) if known else None)
        answer = Answer(
            plan=None, floor=ends.floor, dense=ends.dense, dense_fits=ends.dense_fits, simulated=rig.simulated
        )
        if ends.infeasible:
            return _end("infeasible", ends.infeasible, replace(answer, nearest=ends.nearest))
        if ends.dense_fits:
            journal.log(f"the dense plan fits by itself: {describe(ends.dense)} within {job.budget}")
        model = latency_model(job, rig, journal, [ends.floor, ends.dense], known)
        steering = Steering(model, job.budget, _tail(job, ends))
        proposing = self._propose(steering)
        verdict = self._verify(proposing, ends)
        answer = self._describe(answer, proposing, verdict, steering)
        if verdict.winner is None:
            answer = replace(answer, nearest=_nearest(job, verdict, ends))
            return _end("infeasible", _nothing_passed(job, verdict), answer)
        answer = self._confirm(answer, verdict.winner.plan)
        return _end("succeeded", _found(job, answer), self._export(answer))

    def _propose(self, steering: Steering) -> Proposing:
        """Step 5, with the archive of step 4."""
        job, rig = self._job, self._rig
        digest = rig.pool().digest("search") if self._request.archive or self._request.done else None
        archive = {one.plan: one for one in self._request.archive if one.split == "search" and one.data == digest}
        if archive:
            self._journal.log(f"the archive holds {len(archive)} evaluations of this target")
        sampler = SAMPLERS[job.sampler](Problem(rig.space, steering.excess, steering.latency), job.seed)
        proposing = Proposing(job, rig, self._journal, sampler, steering, archive)
        proposing.run()
        return proposing

    def _verify(self, proposing: Proposing, ends: Ends) -> Verdict:
        """Step 6; when no finalist passes, the sparsest plan is the last resort."""
        job, rig, journal = self._job, self._rig, self._journal
        scale = Scale.of(ends.floor)
        verdict = verify(job, rig, journal, proposing.points(), scale)
        sparsest = rig.space.canonical(rig.space.sparsest)
        if verdict.winner is not None or sparsest in verdict.measured:
            return verdict
        proposing.evaluate([sparsest])
        last = [replace(point, within=1.0) for point in proposing.points() if point.plan == sparsest]
        final = verify(job, rig, journal, last, scale, "verify:floor")
        return replace(final, measured={**verdict.measured, **final.measured}, tried=verdict.tried + final.tried)

    def _describe(self, answer: Answer, proposing: Proposing, verdict: Verdict, steering: Steering) -> Answer:
        known: dict[Plan, Evaluation] = dict(proposing.known)
        measured = {answer.floor.plan: answer.floor, answer.dense.plan: answer.dense, **verdict.measured}
        shown = front(points(known.values(), self._job.metric, steering, measured, self._job.budget))
        dense = known[self._rig.space.canonical(self._rig.space.dense)]
        answer = replace(
            answer,
            dense_metrics=dict(dense.metrics),
            front=tuple(shown),
            evaluated=proposing.asked,
            reused=proposing.reused,
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

    def _confirm(self, answer: Answer, plan: Plan) -> Answer:
        """Accuracy of winner and dense on images that the search did not use."""
        dense = self._rig.space.canonical(self._rig.space.dense)

        def compute() -> dict[str, Any]:
            found = {one.plan: one for one in self._rig.pool().evaluate(list(dict.fromkeys([plan, dense])), "confirm")}
            return {
                "plan": dict(plan),
                "metrics": dict(found[plan].metrics),
                "dense": dict(found[dense].metrics),
                "images": found[plan].images,
                "evaluations": [one.to_dict() for one in found.values()],
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


def _end(state: str, message: str, answer: Answer) -> Event:
    return Event("end", {"state": state, "message": message, "answer": answer.to_dict()})


def _found(job: Job, answer: Answer) -> str:
    assert answer.plan and answer.decision and answer.metrics and answer.confirmed
    simulated = "SIMULATED: " if answer.simulated else ""
    decision = answer.decision
    return (
        f"{simulated}{answer.plan} takes {decision['estimate_ms']:.4g} ms, at most {decision['upper_ms']:.4g} ms "
        f"with a risk of {job.alpha:g}, within {job.budget}; {job.metric} {answer.metrics[job.metric]:.2f}, "
        f"{answer.confirmed[job.metric]:.2f} on images that the search did not use"
    )


def _nothing_passed(job: Job, verdict: Verdict) -> str:
    return (
        f"no plan was shown to meet {job.budget}: {verdict.tried} candidates were measured and none is below it "
        f"with a risk of {job.alpha:g}; allow a little more time, or more finalists"
    )


def _nearest(job: Job, verdict: Verdict, ends: Ends) -> Plan:
    measured = {ends.floor.plan: ends.floor, ends.dense.plan: ends.dense, **verdict.measured}

    def excess(plan: Plan) -> float:
        low, high = measured[plan].interval_ms
        return job.budget.excess(high, low)

    return min(measured, key=excess)
