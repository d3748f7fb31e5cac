"""Step 5: a sampler proposes batches of plans, workers evaluate them, the sampler learns in the order it asked.

A batch is told as a whole and in its own order. So neither the number of workers nor who finishes first changes
what is asked next, and a resumed search asks for the very plans the killed one did.

A plan that could not be evaluated is told without a metric (worse than every number) and far outside the budget: no
sampler breeds from it or asks for it again, and none takes it for a bad plan near good ones.
"""

import time
from collections.abc import Callable, Sequence

from models.plan import Plan
from models.space import Space
from search.errors import RunnerError
from search.front import front, ranking
from search.journal import Journal
from search.progress import Progress
from search.records import Job
from search.samplers.protocol import Result, Sampler
from search.steering import Steering
from search.trials import Trials

Clock = Callable[[], float]

RUNGS = 6
"""Plans of the ladder."""

FAILED_EXCESS = 1.0
"""How far over the budget a plan counts that could not be evaluated, as a share of it."""


class Proposing:
    """The loop of one search.

    Args:
        job: evaluations, batch, metric and time limit.
        space: of the plans.
        journal: what has been done.
        sampler: proposes.
        steering: latency forecasts.
        trials: evaluates.
        stopping: whether no more plans shall be asked for.
        first: number of the first round, when others went before.
        before: plans that were asked for in those.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        job: Job,
        space: Space,
        journal: Journal,
        sampler: Sampler,
        steering: Steering,
        trials: Trials,
        stopping: Callable[[], bool],
        first: int = 0,
        before: int = 0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._job = job
        self._space = space
        self._journal = journal
        self._sampler = sampler
        self._steering = steering
        self._trials = trials
        self._stopping = stopping
        self._before = before
        self._clock = clock
        self.round = first
        self.asked = 0

    def run(self) -> None:
        """Propose and evaluate until the evaluations are used up, the sampler has no more, time is, or `stopping`.

        Raises:
            EvaluationError: too many trials failed, or the dense plan did.
        """
        started = self._clock()
        extra = ladder(self._space)  # always evaluated, never told
        known = self._trials.finished
        total = known + self._job.evaluations + len(extra) - self._trials.have_ended(extra)
        progress = Progress(self._journal, "evaluate", total, self._clock, known)
        for round in range(self.round, self.round + self._job.evaluations + 1):
            self.round = round + 1
            if self._stopping() and self._journal.find(f"ask:{round}") is None:
                return
            plans = self._ask(round, extra)
            batch = [*extra, *plans]
            self._trials.evaluate(batch, progress)
            self.asked += self._trials.have_ended(plans)
            if self._trials.have_ended(batch) < len(batch):
                return  # stopped in the middle
            if plans:
                self._sampler.tell(self._results(plans))
            self._show(round)
            extra = []
            if self._enough(round, len(plans), started):
                return

    def _ask(self, round: int, extra: Sequence[Plan]) -> list[Plan]:
        left = self._job.evaluations - self.asked
        plans = self._sampler.ask(min(self._job.batch, left)) if left else []
        numbers = self._trials.number([*extra, *plans])[len(extra) :]
        data = {"round": round, "plans": [dict(plan) for plan in plans], "numbers": numbers}
        asked = self._journal.step("ask", f"ask:{round}", lambda: data)
        if [Plan.of(plan) for plan in asked["plans"]] != plans:
            raise RunnerError(
                f"round {round} asks for other plans than before it was interrupted, so a library or SparSearch has "
                f"changed since; start a new search, which finds the evaluations made so far in the archive"
            )
        return plans

    def _results(self, plans: Sequence[Plan]) -> list[Result]:
        latencies, excesses = self._steering.latency(plans), self._steering.excess(plans)
        evaluations = self._trials.evaluations
        return [
            Result(plan, evaluations[plan].metrics[self._job.metric], latency, excess)
            if plan in evaluations
            else Result(plan, None, latency, max(excess, FAILED_EXCESS))
            for plan, latency, excess in zip(plans, latencies, excesses, strict=True)
        ]

    def _show(self, round: int) -> None:
        def compute() -> dict[str, object]:
            known = self._trials.points()
            within = [point for point in known if point.within >= 0.5]
            best = ranking(within)[0].to_dict() if within else None
            shown = [point.to_dict() for point in front(known)]
            counts = {"evaluated": self._before + self.asked, "total": self._before + self._job.evaluations}
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


def ladder(space: Space) -> list[Plan]:
    """Plans from dense to sparsest with all knobs at the same share of their range.

    They show the whole trade of accuracy against latency around the budget, whatever the sampler concentrates on.
    """
    shares = [rung / (RUNGS - 1) for rung in range(RUNGS)]
    rungs = (space.at(tuple(round(share * (len(knob.values) - 1)) for knob in space.knobs)) for share in shares)
    return list(dict.fromkeys(map(space.canonical, rungs)))
