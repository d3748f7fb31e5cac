"""The published way to measure, kept for comparison: one plan after the other, fixed counts, one session.

Source: released search code of SparseViT (arXiv 2303.17605): warm-up forwards, timed forwards, a mean without extremes.
"""

from latency.timer import Timer
from models.plan import Plan

WARMUP, TIMED = 200, 300

TRIM = 0.1
"""Share of the samples dropped at either end."""


def naive_ms(timer: Timer, plan: Plan, warmup: int = WARMUP, timed: int = TIMED, trim: float = TRIM) -> float:
    """Trimmed mean of consecutive forwards.

    Its spread over repeats looks excellent and says nothing about the next session.

    Raises:
        ValueError: nothing would be left to average.
        MeasurementError: the forward failed.
    """
    if timed < 1 or not 0 <= trim < 0.5:
        raise ValueError(f"need timed >= 1 and 0 <= trim < 0.5; got timed={timed}, trim={trim}")
    if warmup:
        timer.time_block(plan, warmup)
    samples = sorted(timer.time_block(plan, timed).event_ms)
    cut = int(len(samples) * trim)
    kept = samples[cut : len(samples) - cut]
    return sum(kept) / len(kept)
