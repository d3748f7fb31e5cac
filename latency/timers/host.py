"""Timing on a CPU: wall clock around every forward, processor time to see whether we were pushed aside, page faults."""

import gc
import resource
import time
from collections.abc import Callable
from itertools import pairwise

from latency.errors import MeasurementError
from latency.flags import CONTENDED, PAGE_FAULTS
from latency.timer import Block
from models.plan import Plan

SHARE = 0.9
"""A block whose processor time per wall time falls below this part of the best one seen was interrupted."""

FAULT_NS = 1000
"""What the kernel takes to hand out and clear a page of 4 KiB, about."""

FAULTY = 0.03
"""A block that spent more than this part of its wall time on such pages is flagged."""


def minor_faults() -> int:
    """Pages that this process has got from the kernel so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


class HostTimer:
    """Times forwards that return when they are done.

    Args:
        forward: runs one forward of a plan; the number lets it rotate through its inputs.
        name: the device in words.
        wall_ns, processor_ns: clocks, in nanoseconds.
        faults: counts page faults.
    """

    def __init__(
        self,
        forward: Callable[[Plan, int], object],
        name: str = "cpu",
        wall_ns: Callable[[], int] = time.perf_counter_ns,
        processor_ns: Callable[[], int] = time.process_time_ns,
        faults: Callable[[], int] = minor_faults,
    ) -> None:
        self._forward, self._name = forward, name
        self._wall_ns, self._processor_ns, self._faults = wall_ns, processor_ns, faults
        self._count, self._best = 0, 0.0

    @property
    def name(self) -> str:
        """The device in words."""
        return self._name

    def now(self) -> float:
        """Seconds on the wall clock."""
        return self._wall_ns() / 1e9

    def rest(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def time_block(self, plan: Plan, forwards: int) -> Block:
        """See `latency.timer.Timer`. The garbage collector is off inside the block."""
        wall, stamps = self._wall_ns, [0] * (forwards + 1)
        with quiet_collector():
            faults = self._faults()
            processor = self._processor_ns()
            stamps[0] = wall()
            for index in range(forwards):
                run_forward(self._forward, plan, self._count + index)
                stamps[index + 1] = wall()
            processor = self._processor_ns() - processor
            faults = self._faults() - faults
        self._count += forwards
        elapsed = max(1, stamps[-1] - stamps[0])
        share = processor / elapsed
        self._best = max(self._best, share)
        flags = [CONTENDED] if share < SHARE * self._best else []
        if faults * FAULT_NS > FAULTY * elapsed:
            flags.append(PAGE_FAULTS)
        # a clock too coarse for a forward must not give a time of nothing
        times_ms = tuple(max(1, after - before) / 1e6 for before, after in pairwise(stamps))
        return Block(times_ms, times_ms, stamps[0] / 1e9, elapsed / 1e9, tuple(flags))


class quiet_collector:  # noqa: N801 - reads as a function
    """Keep Python's garbage collector out of a `with` block, and leave it as it was found."""

    def __enter__(self) -> None:
        self._was = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was:
            gc.enable()


def run_forward(forward: Callable[[Plan, int], object], plan: Plan, index: int) -> None:
    """Run one forward.

    Raises:
        MeasurementError: it failed; says with which plan.
    """
    try:
        forward(plan, index)
    except Exception as error:
        raise MeasurementError(f"the forward of plan {{{plan}}} failed: {type(error).__name__}: {error}") from error
