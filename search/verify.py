"""Step 6: the best candidates are measured in fresh sessions; the winner must meet the budget with its upper bound.

Choosing the best of many forecasts seeks out the luckiest errors of the latency model. So a forecast never decides:
finalists are measured in groups, best metric first, and the accepted risk is shared between all that may be tried.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import geometric_mean
from typing import Any

from latency.decision import Decision
from latency.record import Measurement
from models.plan import Plan
from search.front import ranking
from search.journal import Journal
from search.judging import judge
from search.records import Job, Point
from search.rig import Rig, Scale
from search.sessions import measure

GROUP = 3
"""Finalists measured together."""

HOPE = 0.2
"""Candidates less likely than this to be within the budget are not worth a session."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification found.

    Args:
        winner: the accepted candidate; None: none passed.
        decision: the decision over all its sessions.
        measured: the last session's record of every plan that was verified.
        tried: candidates verified.
        reach: upper bounds that decided, as multiples of the estimates, on average.
    """

    winner: Point | None
    decision: Decision | None
    measured: Mapping[Plan, Measurement] = field(default_factory=dict)
    tried: int = 0
    reach: float = 1.0


def verify(
    job: Job,
    rig: Rig,
    journal: Journal,
    candidates: Sequence[Point],
    scale: Scale,
    name: str = "verify",
    share: float = 1.0,
    before: int = 0,
    reach: float = 1.0,
    last: bool = True,
) -> Verdict:
    """Measure candidates until the best one that meets the budget is found.

    What a group that failed took of its forecasts, upper bounds included, the next one would take too: finalists that
    would then not pass are left out.

    Args:
        job: budget, alpha, number of finalists, sessions per finalist.
        rig: measures.
        journal: what has been done.
        candidates: evaluated plans with forecasts.
        scale: of the earlier sessions.
        name: of this round of verification, unique in the search.
        share: of the job's risk that this round may take.
        before: candidates verified in earlier rounds; ranks go on from there.
        reach: of the earlier rounds.
        last: whether no round follows: then the candidate that is surest to be fast enough is tried, too. It is also
            where nothing else can be.
    """
    measured: dict[Plan, Measurement] = {}
    misses, reaches = list[float](), list[float]()
    alpha = share * job.alpha / max(min(job.finalists + 1, len(candidates)), 1)
    hopeful = ranking(point for point in candidates if point.within >= HOPE)
    finalists, rest = hopeful[: job.finalists], hopeful[job.finalists :]
    number = tried = 0
    while True:
        needed = job.budget.max_ms / (geometric_mean(misses) if misses else reach)
        group = [point for point in finalists if point.latency_ms <= needed][:GROUP]
        finalists = [point for point in finalists if point not in group]
        if not group and (last or not tried):
            group, finalists, rest = _surest([*finalists, *rest]), [], []
        if not group:
            return Verdict(None, None, measured, tried, geometric_mean(reaches) if reaches else 1.0)
        records = [
            measure(job, rig, journal, f"{name}:{number}:{session}", [p.plan for p in group], True, scale)
            for session in range(job.sessions)
        ]
        winner: tuple[Point, Decision] | None = None
        for place, point in enumerate(group):
            sessions = [record[place] for record in records]
            measured[point.plan] = sessions[-1]
            decision = judge(sessions, job.budget, alpha)
            accepted = decision.meets is True
            _say(journal, f"{name}:{tried}", before + tried, point, accepted, decision, sessions[-1])
            tried += 1
            if accepted and winner is None:
                winner = point, decision
            if math.isfinite(decision.upper_ms):
                misses.append(decision.upper_ms / point.latency_ms)
                reaches.append(decision.upper_ms / decision.estimate_ms)
        number += 1
        if winner is not None:
            return Verdict(*winner, measured, tried, geometric_mean(reaches) if reaches else 1.0)


def _surest(points: Sequence[Point]) -> list[Point]:
    """The point that is surest to be fast enough; none of none."""
    return [max(points, key=lambda point: (point.within, point.metric))] if points else []


def _say(
    journal: Journal, key: str, rank: int, point: Point, accepted: bool, decision: Decision, measurement: Measurement
) -> None:
    data: dict[str, Any] = {
        "rank": rank,
        "plan": dict(point.plan),
        "metric": point.metric,
        "accepted": accepted,
        "decision": decision.to_dict(),
        "measurement": measurement.to_dict(),
    }
    journal.step("verify", key, lambda: data)
