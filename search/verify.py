"""Step 6: the best candidates are measured in fresh sessions; the winner must meet the budget with its upper bound.

Choosing the best of many forecasts seeks out the luckiest errors of the latency model. So a forecast never decides:
finalists are measured in groups, best metric first, and the accepted risk is shared between all that may be tried.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    """

    winner: Point | None
    decision: Decision | None
    measured: Mapping[Plan, Measurement] = field(default_factory=dict)
    tried: int = 0


def verify(
    job: Job,
    rig: Rig,
    journal: Journal,
    candidates: Sequence[Point],
    scale: Scale,
    name: str = "verify",
    share: float = 1.0,
    before: int = 0,
) -> Verdict:
    """Measure candidates until the best one that meets the budget is found.

    Args:
        job: budget, alpha, number of finalists, sessions per finalist.
        rig: measures.
        journal: what has been done.
        candidates: evaluated plans with forecasts.
        scale: of the earlier sessions.
        name: of this round of verification, unique in the search.
        share: of the job's risk that this round may take.
        before: candidates verified in earlier rounds; ranks go on from there.
    """
    measured: dict[Plan, Measurement] = {}
    tried = 0
    alpha = share * job.alpha / max(min(job.finalists + 1, len(candidates)), 1)
    for number, group in enumerate(_groups(job, candidates)):
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
        if winner is not None:
            return Verdict(*winner, measured, tried)
    return Verdict(None, None, measured, tried)


def _groups(job: Job, candidates: Sequence[Point]) -> Iterator[list[Point]]:
    """Finalists by metric, a few at a time; last the one that is surest to be fast enough."""
    hopeful = ranking(point for point in candidates if point.within >= HOPE)
    finalists = hopeful[: job.finalists]
    for start in range(0, len(finalists), GROUP):
        yield finalists[start : start + GROUP]
    rest = [point for point in hopeful if point not in finalists]
    if rest:
        yield [max(rest, key=lambda point: (point.within, point.metric))]


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
