"""Steps 5 and 6, repeated where need be: plans are proposed, evaluated and verified until one is shown to pass.

The finalists are the best of many forecasts, so they are also those whose forecasts err most on the kind side. When
none of them passes, their measurements tell by how much the forecasts err at this latency: the forecasts are
corrected, some more plans are proposed, and the next finalists are chosen anew. The accepted risk is shared out.
"""

from collections.abc import Callable
from dataclasses import replace

from search.journal import Journal
from search.proposing import Proposing
from search.records import Job, Point
from search.rig import Rig, Scale
from search.samplers import SAMPLERS, Problem
from search.steering import Steering
from search.trials import Trials
from search.verify import Verdict, verify

SHARES = (0.4, 0.25, 0.25)
"""Of the job's risk, per round."""

LAST_SHARE = 0.1
"""Of the job's risk, for the sparsest plan as the last resort."""

MORE = 4
"""A further round may evaluate one `MORE`th of the job's evaluations."""


class Rounds:
    """The rounds of one search.

    Args:
        job: the request.
        rig: space and stopwatch.
        journal: what has been done.
        steering: latency forecasts; learns from the finalists of each round.
        trials: evaluates.
        stopping: whether no more plans shall be asked for.
        scale: of the earlier latency sessions.
    """

    def __init__(
        self,
        job: Job,
        rig: Rig,
        journal: Journal,
        steering: Steering,
        trials: Trials,
        stopping: Callable[[], bool],
        scale: Scale,
    ) -> None:
        self._job = job
        self._rig = rig
        self._journal = journal
        self._steering = steering
        self._trials = trials
        self._stopping = stopping
        self._scale = scale
        self._round = 0
        self._verdict = Verdict(None, None)
        self.asked = 0

    def run(self) -> Verdict:
        """The verdict of the round that found a winner, or of all; with every plan that was measured on the way.

        Raises:
            EvaluationError: too many trials failed, or the dense plan did.
        """
        for number, share in enumerate(SHARES):
            self._propose(number)
            self._trials.need_dense()
            seen = self._verdict.measured
            untried = [point for point in self._trials.points() if point.plan not in seen]
            last = number == len(SHARES) - 1
            added = self._verify(untried, "verify" if number == 0 else f"verify{number + 1}", share, last)
            if self._verdict.winner is not None or not added.measured or last:
                break
            self._steering.learn(added.measured.values(), added.reach)
            self._journal.log(
                f"no finalist passed: near the budget, plans take {self._steering.correction:.3f} of their forecasts; "
                "forecasts are corrected by that"
            )
        if self._verdict.winner is None:
            self._last_resort()
        return self._verdict

    def _propose(self, number: int) -> None:
        job = self._job
        if number:
            job = replace(job, evaluations=job.evaluations // MORE)
        problem = Problem(self._rig.space, self._steering.excess, self._steering.latency)
        sampler = SAMPLERS[job.sampler](problem, job.seed + number)
        proposing = Proposing(
            job,
            self._rig.space,
            self._journal,
            sampler,
            self._steering,
            self._trials,
            self._stopping,
            first=self._round,
            before=self.asked,
        )
        proposing.run()
        self._round = proposing.round
        self.asked += proposing.asked

    def _verify(self, candidates: list[Point], name: str, share: float, last: bool) -> Verdict:
        before, reach = self._verdict.tried, self._steering.reach
        added = verify(self._job, self._rig, self._journal, candidates, self._scale, name, share, before, reach, last)
        self._verdict = replace(
            added,
            measured={**self._verdict.measured, **added.measured},
            tried=self._verdict.tried + added.tried,
        )
        return added

    def _last_resort(self) -> None:
        """The sparsest plan, unless it was a finalist."""
        sparsest = self._rig.space.canonical(self._rig.space.sparsest)
        if sparsest not in self._verdict.measured:
            self._trials.evaluate([sparsest])
            last = [replace(point, within=1.0) for point in self._trials.points() if point.plan == sparsest]
            self._verify(last, "verify:floor", LAST_SHARE, True)
