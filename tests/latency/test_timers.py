"""One contract for all timers, and what each one owes its own device."""

import gc
import mmap
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from math import isclose

import pytest

from latency.errors import DeviceError, MeasurementError
from latency.flags import ALLOCATOR_GREW, CONTENDED, LAUNCH_BOUND, PAGE_FAULTS
from latency.simulated import QUIET, SimulatedDevice
from latency.timer import Timer
from latency.timers.cuda import CudaTimer
from latency.timers.host import HostTimer
from models.plan import Plan
from tests.latency.support import DENSE, REFERENCE, paper_work


class Clocks:
    """Wall and processor clock, advanced by hand."""

    def __init__(self) -> None:
        self.wall = self.processor = 0

    def spend(self, wall_ms: float, processor_ms: float) -> None:
        self.wall += round(wall_ms * 1e6)
        self.processor += round(processor_ms * 1e6)


class TimerContract(ABC):
    """What sessions rely on."""

    @abstractmethod
    def timer(self, monkeypatch: pytest.MonkeyPatch) -> Timer: ...

    def test_gives_a_positive_time_for_every_forward(self, monkeypatch: pytest.MonkeyPatch) -> None:
        block = self.timer(monkeypatch).time_block(DENSE, 4)
        assert len(block.event_ms) == 4 and all(time > 0 for time in (*block.event_ms, *block.host_ms))
        assert len(block.host_ms) > 0

    def test_blocks_follow_each_other_on_its_clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        timer = self.timer(monkeypatch)
        before = timer.now()
        first, second = timer.time_block(DENSE, 3), timer.time_block(REFERENCE, 3)
        assert before <= first.start <= first.start + first.seconds <= second.start <= timer.now()
        assert first.seconds > 0

    def test_has_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.timer(monkeypatch).name


class TestSimulated(TimerContract):
    def timer(self, monkeypatch: pytest.MonkeyPatch) -> Timer:
        return SimulatedDevice(0, paper_work, nuisance=replace(QUIET, noise=0.02))

    def test_resting_takes_virtual_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        timer = self.timer(monkeypatch)
        timer.rest(1000.0)
        assert timer.now() == 1000.0


class TestHost(TimerContract):
    def timer(self, monkeypatch: pytest.MonkeyPatch) -> Timer:
        return HostTimer(lambda plan, index: sum(range(1000)))

    def host(self, spend: Callable[[Clocks, Plan, int], None]) -> HostTimer:
        clocks = Clocks()
        return HostTimer(
            lambda plan, index: spend(clocks, plan, index), "cpu", lambda: clocks.wall, lambda: clocks.processor
        )

    def test_times_each_forward_by_the_wall_clock(self) -> None:
        timer = self.host(lambda clocks, plan, index: clocks.spend(10.0 + index, 10.0 + index))
        block = timer.time_block(DENSE, 3)
        assert block.event_ms == block.host_ms == (10.0, 11.0, 12.0)
        assert (block.start, block.flags) == (0.0, ()) and isclose(block.seconds, 0.033)

    def test_inputs_rotate_across_blocks(self) -> None:
        seen: list[int] = []
        timer = self.host(lambda clocks, plan, index: seen.append(index))
        timer.time_block(DENSE, 3)
        timer.time_block(REFERENCE, 2)
        assert seen == [0, 1, 2, 3, 4]

    def test_a_block_that_was_pushed_aside_says_so(self) -> None:
        shares = iter([2.0, 2.0, 2.0, 1.5])
        timer = self.host(lambda clocks, plan, index: clocks.spend(10.0, 10.0 * next(shares)))
        assert timer.time_block(DENSE, 2).flags == ()
        assert timer.time_block(DENSE, 2).flags == (CONTENDED,)

    @pytest.mark.parametrize(("pages", "flags"), [(0, ()), (290, ()), (310, (PAGE_FAULTS,))])
    def test_a_forward_that_gets_its_memory_anew_says_so(self, pages: int, flags: tuple[str, ...]) -> None:
        clocks, got = Clocks(), [7]

        def forward(plan: Plan, index: int) -> None:
            clocks.spend(10.0, 10.0)
            got[0] += pages

        timer = HostTimer(forward, "cpu", lambda: clocks.wall, lambda: clocks.processor, lambda: got[0])
        assert timer.time_block(DENSE, 3).flags == flags

    def test_page_faults_are_counted(self) -> None:
        def forward(plan: Plan, index: int) -> None:
            with mmap.mmap(-1, 2**24) as fresh:
                with suppress(OSError):  # a kernel without huge pages
                    fresh.madvise(mmap.MADV_NOHUGEPAGE)
                fresh[:: mmap.PAGESIZE] = b"x" * (2**24 // mmap.PAGESIZE)

        assert PAGE_FAULTS in HostTimer(forward).time_block(DENSE, 3).flags

    def test_a_clock_that_stands_still_gives_no_zero(self) -> None:
        assert min(self.host(lambda clocks, plan, index: None).time_block(DENSE, 2).event_ms) > 0

    @pytest.mark.parametrize("collecting", [True, False])
    def test_the_collector_is_off_inside_and_as_it_was_after(self, collecting: bool) -> None:
        inside: list[bool] = []

        def forward(plan: Plan, index: int) -> None:
            inside.append(gc.isenabled())
            if index:
                raise RuntimeError("no memory")

        timer = HostTimer(forward)
        was = gc.isenabled()
        try:
            (gc.enable if collecting else gc.disable)()
            with pytest.raises(MeasurementError, match=r"a=0, .*failed: RuntimeError: no memory"):
                timer.time_block(DENSE, 2)
            assert inside == [False, False] and gc.isenabled() is collecting
        finally:
            (gc.enable if was else gc.disable)()


class FakeCuda(types.ModuleType):
    """The part of torch that timing needs; the device works through a queue, and the host launches into it.

    Args:
        work_ms: device time of a forward.
        launch_ms: host time to enqueue one.
    """

    def __init__(self, work_ms: float, launch_ms: float, gpus: int = 1) -> None:
        super().__init__("torch")
        self.host, self.busy_until, self.calls = 0.0, 0.0, list[str]()
        self.work_ms, self.launch_ms, self.reserved = work_ms, launch_ms, 0
        fake = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing
                self.at = 0.0

            def record(self) -> None:
                fake.calls.append("record")
                self.at = max(fake.host, fake.busy_until)

            def elapsed_time(self, other: "Event") -> float:
                assert fake.calls[-1] == "synchronize", "read before the device was done"
                return (other.at - self.at) * 1e3

        def synchronize(device: object = None) -> None:
            fake.calls.append("synchronize")
            fake.host = max(fake.host, fake.busy_until)

        def enqueue(seconds: float) -> None:
            fake.busy_until = max(fake.host, fake.busy_until) + seconds

        self.enqueue = enqueue
        self.device = lambda *parts: types.SimpleNamespace(index=0)
        self.cuda = types.SimpleNamespace(
            is_available=lambda: gpus > 0,
            device_count=lambda: gpus,
            get_device_name=lambda device: "Fake GPU",
            device=lambda device: __import__("contextlib").nullcontext(),
            synchronize=synchronize,
            memory_reserved=lambda: fake.reserved,
            Event=Event,
            _sleep=lambda cycles: enqueue(cycles / 2e9),
        )

    def forward(self, plan: Plan, index: int) -> None:
        self.calls.append("forward")
        self.host += self.launch_ms / 1e3
        self.enqueue(self.work_ms / 1e3)


class TestCuda(TimerContract):
    def fake(self, monkeypatch: pytest.MonkeyPatch, work_ms: float, launch_ms: float) -> tuple[CudaTimer, FakeCuda]:
        torch = FakeCuda(work_ms, launch_ms)
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setattr("latency.timers.cuda.time.perf_counter", lambda: torch.host)
        return CudaTimer(torch.forward), torch

    def timer(self, monkeypatch: pytest.MonkeyPatch) -> Timer:
        return self.fake(monkeypatch, 20.0, 0.5)[0]

    def test_waits_once_after_all_forwards_were_enqueued(self, monkeypatch: pytest.MonkeyPatch) -> None:
        timer, torch = self.fake(monkeypatch, 20.0, 0.5)
        block = timer.time_block(DENSE, 3)
        queued = ["synchronize", *["record", "forward", "record"] * 3, "synchronize"]
        assert torch.calls[: len(queued)] == queued
        assert all(isclose(time, 20.0) for time in block.event_ms)

    def test_a_fed_queue_is_not_launch_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        block = self.fake(monkeypatch, 20.0, 0.5)[0].time_block(DENSE, 3)
        assert block.flags == () and all(isclose(time, 20.5) for time in block.host_ms)

    @pytest.mark.parametrize(("work_ms", "launch_ms"), [(1.0, 5.0), (20.0, 1.5)])
    def test_a_starved_queue_is_launch_bound(
        self, monkeypatch: pytest.MonkeyPatch, work_ms: float, launch_ms: float
    ) -> None:
        assert self.fake(monkeypatch, work_ms, launch_ms)[0].time_block(DENSE, 3).flags == (LAUNCH_BOUND,)

    def test_growing_memory_spoils_a_block(self, monkeypatch: pytest.MonkeyPatch) -> None:
        timer, torch = self.fake(monkeypatch, 20.0, 0.5)
        enqueue = torch.enqueue

        def allocate(seconds: float) -> None:
            torch.reserved += 1
            enqueue(seconds)

        torch.enqueue = allocate
        assert timer.time_block(DENSE, 3).flags == (ALLOCATOR_GREW,)

    def test_works_without_the_private_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        torch = FakeCuda(20.0, 0.5)
        del torch.cuda._sleep
        monkeypatch.setitem(sys.modules, "torch", torch)
        assert len(CudaTimer(torch.forward).time_block(DENSE, 2).event_ms) == 2

    def test_a_gpu_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", FakeCuda(1.0, 1.0, gpus=0))
        with pytest.raises(DeviceError, match="cuda:3 is not here: torch sees 0 GPUs"):
            CudaTimer(lambda plan, index: None, "cuda:3")
