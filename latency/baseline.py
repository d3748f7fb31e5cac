"""The baseline: the reference's blocks through a session. The ruler, and the first to notice trouble.

=====================================  ====================================================================
a reference block is off the recent    then
=====================================  ====================================================================
by 2 % (and 3 standard deviations)     blocks beside it are suspect
by 5 % (and 4 standard deviations)     pause and time it again; after three pauses go on, with a flag
above the session's fast quarter by    another job holds the device: the session flags it, and on a GPU stops
10 %, for a minute
=====================================  ====================================================================
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from statistics import median

from latency.flags import REFERENCE_UNSTABLE, UNCLEAN
from latency.setting import Clock
from latency.timer import Block, Timer

STRAYED = (0.02, 3.0)
UNSTABLE = (0.05, 4.0)
"""Relative distance from the recent median, and standard deviations of the recent ones; both must be exceeded."""

BUSY, BUSY_S = 0.10, 60.0

RECENT = 8
"""Reference blocks that a new one is compared with."""


class Baseline:
    """The reference's block medians in time.

    Args:
        timer: rests while the session pauses.
        clock: whose times count.
        pauses: seconds of each pause that the session may make.
    Attributes:
        times: middle of each block, seconds on the timer's clock, ascending.
        medians_ms: median time of each block.
        flags: what is wrong with the session as a whole.
        busy: whether another job holds the device.
    """

    def __init__(self, timer: Timer, clock: Clock = "device", pauses: Sequence[float] = (2.0, 4.0, 8.0)) -> None:
        self.times: list[float] = []
        self.medians_ms: list[float] = []
        self.flags: set[str] = set()
        self.busy = False
        self._timer, self._clock, self._pauses = timer, clock, list(pauses)
        self._recent: list[float] = []
        self._strayed: list[bool] = []
        self._usual_at: float | None = None

    def add(self, run: Callable[[], Block]) -> None:
        """Time one block of the reference; when it is far off and pauses are left, pause and time another."""
        off = self._keep(run())
        while off > 1 and self._pauses:
            self._timer.rest(self._pauses.pop(0))
            before = self.medians_ms[-1]
            off = self._keep(run())
            if abs(self.medians_ms[-1] / before - 1) < STRAYED[0]:
                # it stays where it went: the device has settled at another level
                self._recent = self.medians_ms[-2:]
                off = 0.0
        if off > 1:
            self.flags.add(REFERENCE_UNSTABLE)
        self._watch()

    def strayed(self, at: float) -> bool:
        """Whether a reference block next to this time is doubtful."""
        after = bisect_left(self.times, at)
        return any(self._strayed[max(0, after - 1) : after + 1])

    def _keep(self, block: Block) -> float:
        """Note a block; how far off it is, 1 = unstable."""
        value = median(block.host_ms if self._clock == "host" else block.event_ms)
        self.times.append(block.start + block.seconds / 2)
        self.medians_ms.append(value)
        self._strayed.append(not UNCLEAN.isdisjoint(block.flags) or self._off(value, STRAYED) > 1)
        off = self._off(value, UNSTABLE)
        self._recent = [*self._recent, value][-RECENT:]
        return off

    def _off(self, value: float, limits: tuple[float, float]) -> float:
        if len(self._recent) < 3:
            return 0.0
        usual = median(self._recent)
        scale = 1.4826 * median(abs(one - usual) for one in self._recent)
        return abs(value - usual) / max(limits[0] * usual, limits[1] * scale)

    def _watch(self) -> None:
        # not the median: after a while the slow blocks would be the majority
        fast = sorted(self.medians_ms)[len(self.medians_ms) // 4]
        if self._usual_at is None or self.medians_ms[-1] <= (1 + BUSY) * fast:
            self._usual_at = self.times[-1]
        self.busy = self.times[-1] - self._usual_at > BUSY_S
