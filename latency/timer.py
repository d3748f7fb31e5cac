"""The timer: the one seam between measuring and the world. Everything above it is tested on a simulated one."""

from dataclasses import dataclass
from typing import Protocol

from models.plan import Plan


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive forwards of one plan.

    Args:
        event_ms: one time per forward as the device sees it: CUDA events, or the wall clock on a CPU.
        host_ms: wall-clock times of single forwards as a waiting caller sees them; may be fewer.
        start: seconds on the timer's clock at the first forward.
        seconds: how long the block took on the timer's clock.
        flags: what was wrong with it; words of `latency.flags`.
    """

    event_ms: tuple[float, ...]
    host_ms: tuple[float, ...]
    start: float
    seconds: float = 0.0
    flags: tuple[str, ...] = ()


class Timer(Protocol):
    """Times forwards of plans on one device in one setting."""

    @property
    def name(self) -> str:
        """The device in words."""
        ...

    def time_block(self, plan: Plan, forwards: int) -> Block:
        """Run `forwards` forwards of `plan`, back to back.

        Raises:
            MeasurementError: the forward failed.
        """
        ...

    def now(self) -> float:
        """Seconds on this timer's clock, which may be virtual."""
        ...

    def rest(self, seconds: float) -> None:
        """Leave the device idle."""
        ...
