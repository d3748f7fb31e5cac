"""Step 5: a sampler proposes batches of plans, workers evaluate them, the sampler learns in the order it asked.

A batch is told as a whole and in its own order. So neither the number of workers nor who finishes first changes
what is asked next, and a resumed search asks for the very plans the killed one did.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.plan import Plan
from models.space import Space
from search.errors import RunnerError
from search.front import front, points, ranking
from search.journal import Journal
from search.progress import Progress
from search.records import Evaluation, Job, Point
from search.rig import Rig
from search.samplers.protocol import Result, Sampler
from search.steering import Steering

Clock = Callable[[], float]

RUNGS = 6
"""Plans of the ladder."""


class Proposing:
    """The loop of one search.

    Args:
        job: evaluations, batch, metric and time limit.
        rig: space and pool.
        journal: what has been done.
        sampler: proposes.
        steering: latency forecasts.
        archive: earlier evaluations of the search split, by plan; they answer an ask without work.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        job: Job,
        rig: Rig,
        journal: Journal,
        sampler: Sampler,
        steering: Steering,
        archive: Mapping[Plan, Evaluation],
        clock: Clock = time.monotonic,
    ) -> None:
        self._job = job
        self._rig = rig
        self._journal = journal
        self._sampler = sampler
        self._steering = steering
        self._archive = archive
        self._clock = clock
        self.evaluations: dict[Plan, Evaluation] = {}
        self.reused = 0
        self.asked = 0

    def run(self) -> None:
        """Propose and evaluate until the evaluations are used up, the sampler has no more, or time is."""
        started = self._clock()
        extra = ladder(self._rig.space)  # always evaluated, never told
        total = self._job.evaluations + len(extra)
        progress = Progress(self._journal, "evaluate", total, self._clock, self._finished())
        for round in range(self._job.evaluations + 1):
            plans = self._ask(round)
            self._evaluate([*extra, *plans], progress)
            if plans:
                self._sampler.tell(self._results(plans))
            self.asked += len(plans)
            self._show(round)
            extra = []
            if self._enough(round, len(plans), started):
                return

    @property
    def known(self) -> Mapping[Plan, Evaluation]:
        """What may be the answer: evaluated by this search or, if the job says so, by an earlier one."""
        return {**(self._archive if self._job.archive else {}), **self.evaluations}

    def points(self) -> list[Point]:
        """Every known plan on the accuracy-latency plane."""
        return points(self.known.values(), self._job.metric, self._steering, {}, self._job.budget)

    def evaluate(self, plans: Sequence[Plan]) -> None:
        """Evaluate plans that no sampler asked for."""
        self._evaluate(plans, None)

    def _ask(self, round: int) -> list[Plan]:
        left = self._job.evaluations - self.asked
        plans = self._sampler.ask(min(self._job.batch, left)) if left else []
        asked = self._journal.step("ask", f"ask:{round}", lambda: {"round": round, "plans": [dict(p) for p in plans]})
        if [Plan.of(plan) for plan in asked["plans"]] != plans:
            raise RunnerError(
                f"round {round} asks for other plans than before it was interrupted, so a library or SparSearch has "
                f"changed since; start a new search, which finds the evaluations made so far in the archive"
            )
        return plans

    def _evaluate(self, plans: Sequence[Plan], progress: Progress | None) -> None:
        missing = []
        fresh = [plan for plan in dict.fromkeys(plans) if plan not in self.evaluations]
        numbers = {plan: len(self.evaluations) + place for place, plan in enumerate(fresh)}
        for plan in fresh:
            found = self._journal.find(_key(plan))
            if found is None and plan in self._archive:
                found = self._record(numbers[plan], self._archive[plan], "archive")
            if found is None:
                missing.append(plan)
            else:
                self._keep(plan, found)
                if progress:
                    progress.at(self._finished())
        for evaluation in self._rig.pool().evaluate(missing) if missing else ():
            self._keep(evaluation.plan, self._record(numbers[evaluation.plan], evaluation, "new"))
            if progress:
                progress.at(self._finished())
        # the order of asking, not of finishing
        self.evaluations = {**self.evaluations, **{plan: self.evaluations.pop(plan) for plan in fresh}}

    def _record(self, number: int, evaluation: Evaluation, origin: str) -> Mapping[str, Any]:
        plan = evaluation.plan
        data = {
            "number": number,
            "evaluation": evaluation.to_dict(),
            "metric": evaluation.metrics[self._job.metric],
            "latency_ms": self._steering.latency([plan])[0],
            "excess": self._steering.excess([plan])[0],
            "origin": origin,
        }
        return self._journal.record("evaluation", _key(plan), data)

    def _keep(self, plan: Plan, data: Mapping[str, Any]) -> None:
        self.evaluations[plan] = Evaluation.from_dict(data["evaluation"])
        self.reused += data["origin"] == "archive"

    def _results(self, plans: Sequence[Plan]) -> list[Result]:
        latencies, excesses = self._steering.latency(plans), self._steering.excess(plans)
        return [
            Result(plan, self.evaluations[plan].metrics[self._job.metric], latency, excess)
            for plan, latency, excess in zip(plans, latencies, excesses, strict=True)
        ]

    def _show(self, round: int) -> None:
        def compute() -> dict[str, object]:
            known = self.points()
            within = [point for point in known if point.within >= 0.5]
            best = ranking(within)[0].to_dict() if within else None
            shown = [point.to_dict() for point in front(known)]
            counts = {"evaluated": self.asked, "total": self._job.evaluations}
            return {"round": round, "points": shown, "best": best, **counts}

        self._journal.step("front", f"front:{round}", compute)

    def _enough(self, round: int, asked: int, started: float) -> bool:
        if self.asked >= self._job.evaluations:
            return True
        if asked == 0:
            self._journal.log("the sampler has no more plans that are probably within the budget")
            return True
        if self._journal.find(f"ask:{round + 1}") is not None:
            return False  # it went on before it was interrupted
        if self._job.seconds is not None and self._clock() - started > self._job.seconds:
            self._journal.log(f"the time limit of {self._job.seconds:g} s is reached")
            return True
        return False

    def _finished(self) -> int:
        return len(self.evaluations)


def ladder(space: Space) -> list[Plan]:
    """Plans from dense to sparsest with all knobs at the same share of their range.

    They show the whole trade of accuracy against latency around the budget, whatever the sampler concentrates on.
    """
    shares = [rung / (RUNGS - 1) for rung in range(RUNGS)]
    rungs = (space.at(tuple(round(share * (len(knob.values) - 1)) for knob in space.knobs)) for share in shares)
    return list(dict.fromkeys(map(space.canonical, rungs)))


def _key(plan: Plan) -> str:
    return "evaluate:" + ", ".join(f"{name}={value}" for name, value in sorted(plan.items()))
