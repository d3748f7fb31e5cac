"""Judging: whether measurements show a plan inside the budget, both bounds and the stated statistic included."""

from collections.abc import Sequence
from dataclasses import replace

from latency.decision import Decision, decide
from latency.record import Measurement
from search.budget import Budget


def judge(measurements: Sequence[Measurement], budget: Budget, alpha: float) -> Decision:
    """The decision about one plan over its sessions.

    ============  ======================  =====
    below max_ms  above min_ms            meets
    ============  ======================  =====
    surely        surely, or no min_ms    True
    surely not    whatever                False
    whatever      surely not              False
    otherwise                             None
    ============  ======================  =====

    Args:
        measurements: of one plan, one per session.
        budget: both bounds and the statistic.
        alpha: accepted risk of a wrong yes.
    """
    below = decide(measurements, budget.max_ms, alpha, budget.statistic)
    if budget.min_ms is None:
        return below
    fast = decide(measurements, budget.min_ms, alpha, budget.statistic)
    meets: bool | None = None
    if below.meets is False or fast.meets is True:
        meets = False
    elif below.meets is True and fast.meets is False:
        meets = True
    return replace(below, meets=meets, probability=max(0.0, below.probability - fast.probability))
