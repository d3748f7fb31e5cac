"""Timing on a GPU: one pair of CUDA events per forward, recorded without waiting in between; one wait per block."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from latency.errors import DeviceError
from latency.flags import ALLOCATOR_GREW, LAUNCH_BOUND
from latency.timer import Block
from latency.timers.host import quiet_collector, run_forward
from models.plan import Plan

GAP = 0.05
"""A caller that waits longer than the device works by more than this share is held up by launching."""

HEAD_START_CYCLES = 2_000_000
"""About a millisecond of waiting on the device, so that the first events are not recorded on an empty queue."""

HOST_FORWARDS = 3
"""Forwards per block that are timed one by one, as a caller sees them."""


class CudaTimer:
    """Times forwards on one GPU.

    Two clocks: events, while the queue is fed, say how long the device works; the wall clock around single,
    synchronised forwards says how long a caller waits. When the second exceeds the first by more than `GAP`, or when
    enqueuing takes longer than the work, the block is flagged launch-bound.

    Args:
        forward: enqueues one forward of a plan on the current stream; the number lets it rotate through its inputs.
        device: "cuda:0".
    Raises:
        DeviceError: there is no such GPU.
    """

    def __init__(self, forward: Callable[[Plan, int], object], device: str = "cuda:0") -> None:
        import torch

        self._torch: Any = torch
        index = torch.device(device).index or 0
        if not torch.cuda.is_available() or index >= torch.cuda.device_count():
            raise DeviceError(f"{device} is not here: torch sees {torch.cuda.device_count()} GPUs; use device cpu")
        self._device = torch.device("cuda", index)
        self._forward, self._count = forward, 0
        # private in torch, so it may go away; without it only the first event of a block is a little long
        self._sleep: Callable[[int], None] | None = getattr(torch.cuda, "_sleep", None)

    @property
    def name(self) -> str:
        """The device in words."""
        return str(self._torch.cuda.get_device_name(self._device))

    def now(self) -> float:
        """Seconds on the wall clock."""
        return time.perf_counter()

    def rest(self, seconds: float) -> None:
        """Sleep, with the device idle."""
        self._torch.cuda.synchronize(self._device)
        time.sleep(seconds)

    def time_block(self, plan: Plan, forwards: int) -> Block:
        """See `latency.timer.Timer`. `host_ms` holds fewer times than `event_ms` when the block is long."""
        cuda = self._torch.cuda
        with cuda.device(self._device), quiet_collector():
            cuda.synchronize()
            reserved = cuda.memory_reserved()
            start = time.perf_counter()
            event_ms, enqueue_ms = self._queued(plan, forwards)
            host_ms = self._one_by_one(plan, min(forwards, HOST_FORWARDS))
            seconds = time.perf_counter() - start
            grew = cuda.memory_reserved() > reserved
        flags = [ALLOCATOR_GREW] if grew else []
        if median(host_ms) > (1 + GAP) * median(event_ms) or enqueue_ms > median(event_ms):
            flags.append(LAUNCH_BOUND)
        return Block(event_ms, host_ms, start, seconds, tuple(flags))

    def _queued(self, plan: Plan, forwards: int) -> tuple[tuple[float, ...], float]:
        """Device time of every forward, and host time to enqueue one."""
        cuda = self._torch.cuda
        pairs = [(cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)) for _ in range(forwards)]
        if self._sleep is not None:
            self._sleep(HEAD_START_CYCLES)
        before = time.perf_counter()
        for begin, end in pairs:
            begin.record()
            self._run(plan)
            end.record()
        enqueue_ms = (time.perf_counter() - before) * 1e3 / forwards
        cuda.synchronize()
        return tuple(max(1e-6, float(begin.elapsed_time(end))) for begin, end in pairs), enqueue_ms

    def _one_by_one(self, plan: Plan, forwards: int) -> tuple[float, ...]:
        """Wall time of single forwards, waited for."""
        times_ms = []
        for _ in range(forwards):
            before = time.perf_counter()
            self._run(plan)
            self._torch.cuda.synchronize()
            times_ms.append((time.perf_counter() - before) * 1e3)
        return tuple(times_ms)

    def _run(self, plan: Plan) -> None:
        run_forward(self._forward, plan, self._count)
        self._count += 1
