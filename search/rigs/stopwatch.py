"""The timing half of a rig: sessions on a locked device, one reference plan and one millisecond for all of them."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from random import Random

from latency.decision import SHARE, samples_needed
from latency.fingerprint import fingerprint
from latency.lock import device_lock
from latency.measure import measure_plans
from latency.record import Device, Measurement
from latency.session import BLOCK_MS, FORWARDS
from latency.simulated import SimulatedDevice
from latency.stopping import PRECISE, QUICK, Stopping
from latency.timer import Timer
from models.plan import Plan
from models.space import Space
from models.work import Work
from search.records import Job
from search.rig import Scale

PATIENCE_S = 600.0
"""How long to wait for a device that another process measures on."""

THINNING = 4
"""Consecutive forwards resemble each other: about so many are worth one independent sample."""

TAIL_S = 120.0
"""Device time that one plan may take in one session when a percentile is to be shown."""

TimerOf = Callable[[str], Timer]


class Stopwatch:
    """Measures plans of one job.

    Args:
        job: setting, seed and budget.
        space: its middle plan is the reference.
        timer_of: the timer of a session, by the session's name.
        inputs: which images forwards run on, where latency depends on them.
    Raises:
        DeviceError: the device is not here.
    """

    def __init__(self, job: Job, space: Space, timer_of: TimerOf, inputs: str | None = None) -> None:
        self._job = job
        self._timer_of = timer_of
        self.device: Device = fingerprint(job.setting, inputs)
        middle = tuple(len(knob.values) // 2 for knob in space.knobs)
        self.reference = space.canonical(space.at(space.repair(middle)))

    def measure(
        self, plans: Sequence[Plan], session: str, precise: bool, scale: Scale | None, tick: Callable[[int], None]
    ) -> list[Measurement]:
        """See `Rig.measure`."""
        setting = self._job.setting
        with device_lock(setting.device, PATIENCE_S, f"search {self._job.id}, {session}"):
            return measure_plans(
                self._timer_of(session),
                plans,
                setting,
                self.device,
                self.reference,
                Random(f"{self._job.seed} {session}"),
                self._rule(precise, scale),
                lambda finished: tick(len(finished)),
                reference_ms=None if scale is None else scale.reference_ms,
                reference_se=0.0 if scale is None else scale.reference_se,
            )

    def _rule(self, precise: bool, scale: Scale | None) -> Stopping:
        job = self._job
        if not precise:
            return QUICK
        if scale is None:
            return PRECISE
        if job.budget.statistic == "median":
            return replace(PRECISE, budget_ratio=job.budget.max_ms / scale.reference_ms, alpha=job.alpha)
        return _tail_rule(job, SHARE[job.budget.statistic], scale.reference_ms)


def _tail_rule(job: Job, share: float, reference_ms: float) -> Stopping:
    """As many forwards, over all sessions of a finalist, as prove a percentile while a few are over the budget."""
    needed = samples_needed(share, 1 - job.alpha / (job.finalists + 1), exceedances=2)
    forwards = max(FORWARDS, ceil(BLOCK_MS / reference_ms))
    blocks = ceil(THINNING * needed / job.sessions / forwards)
    return Stopping(precision=0.0, least=blocks, most=blocks, seconds=TAIL_S)


def simulated(job: Job, work: Callable[[Plan], Work], base_ms: float) -> TimerOf:
    """Timers of the simulated device `sim:<seed>`: every session meets it in another state, the same one each time.

    Args:
        base_ms: latency of the dense plan.
    """
    index = int(job.setting.device.partition(":")[2])
    return lambda session: SimulatedDevice(zlib.crc32(f"{index} {job.seed} {session}".encode()), work, base_ms)
