"""The warm-up: run until the times stand still, or long enough to say that they do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import median

from latency.statistics import theil_sen
from latency.timer import Timer
from models.plan import Plan


@dataclass(frozen=True, slots=True)
class Warmup:
    """When a device is warm.

    Args:
        seconds, forwards: run at least this long and this often: lazy initialisation, autotuning, allocators.
        window: blocks whose trend counts.
        slope: relative change per block that still counts as standing still.
        spread: relative range of the last four blocks that still counts as standing still.
        patience: seconds after which to go on regardless.
    """

    seconds: float = 0.5
    forwards: int = 10
    window: int = 8
    slope: float = 0.002
    spread: float = 0.01
    patience: float = 10.0

    def stable(self, medians_ms: Sequence[float]) -> bool:
        """Whether the latest block medians stand still: no trend, and four in a row that agree."""
        last = medians_ms[-self.window :]
        if len(last) < self.window:
            return False
        trend = theil_sen(range(len(last)), [log(value) for value in last])
        return abs(trend) < self.slope and max(last[-4:]) / min(last[-4:]) < 1 + self.spread


HEAT_UP = Warmup(seconds=2.0)
"""For the first plan of a session: brings the device to its working temperature."""

HEAT_UP_CPU = Warmup(seconds=1.0, spread=0.03, patience=4.0)
"""The same for a CPU, which is never as quiet, and has little to heat up."""


def warm_up(timer: Timer, plan: Plan, forwards: int, rule: Warmup = HEAT_UP) -> bool:
    """Run blocks of one plan until the device is warm.

    Args:
        timer: times the blocks; their times are thrown away.
        plan: what to run.
        forwards: forwards per block.
        rule: when to stop.
    Returns:
        Whether the times stood still in the end.
    Raises:
        MeasurementError: the forward failed.
    """
    started, run, medians = timer.now(), 0, list[float]()
    while True:
        medians.append(median(timer.time_block(plan, forwards).event_ms))
        run += forwards
        elapsed = timer.now() - started
        if elapsed >= rule.seconds and run >= rule.forwards and rule.stable(medians):
            return True
        if elapsed >= rule.patience and run >= rule.forwards:
            return False
