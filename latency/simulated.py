"""A simulated device: a known latency function under every nuisance a real one shows, on a clock that costs nothing.

What is measured on it can be compared with the truth, so intervals, bounds and flags can be tested, not believed.
"""

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, sqrt

from latency.flags import CONTENDED, LAUNCH_BOUND, THROTTLED
from latency.timer import Block
from models.plan import Plan
from models.work import Work


@dataclass(frozen=True, slots=True)
class Nuisance:
    """What stands between a latency and its measurement. Factors are relative, times in seconds, 0 switches off.

    Args:
        noise, correlation: log-normal scatter of one forward, AR(1) from forward to forward.
        session: a session is up to this much faster or slower as a whole.
        own: standard deviation of a plan's own shift from session to session.
        warmup, warmup_forwards: how much slower the first forward of a plan is, and how fast that fades.
        drift, drift_s: slowing down by heat, and its time constant.
        step, step_every_s: clock changes up to this size, and their mean distance.
        burst, burst_every_s, burst_s: contention.
        throttle, throttle_every_s, throttle_s: throttling.
        throttled: whether the device throttles all the time, a little differently in every block.
    """

    noise: float = 0.01
    correlation: float = 0.6
    session: float = 0.2
    own: float = 0.0
    warmup: float = 0.3
    warmup_forwards: float = 1.0
    drift: float = 0.03
    drift_s: float = 30.0
    step: float = 0.03
    step_every_s: float = 40.0
    burst: float = 0.2
    burst_every_s: float = 30.0
    burst_s: float = 0.3
    throttle: float = 0.3
    throttle_every_s: float = 300.0
    throttle_s: float = 3.0
    throttled: bool = False


QUIET = Nuisance(session=0.0, drift=0.0, step=0.0, burst=0.0, throttle=0.0)
"""Nothing but noise and warm-up."""


class SimulatedDevice:
    """A device on paper; a `Timer`.

    Args:
        seed: seed of everything random; equal seeds and equal calls give equal times.
        work: kept windows and MACs of a plan, as the backbone states them.
        base_ms: latency of the dense plan.
        nuisance: what disturbs a measurement.
        gather: cost of the selection path of a sparse block, as a share of the dense block.
        pairwise: latency, as a share of `base_ms`, that dropping work in both the first and the last stage adds.
        launch_floor_ms: time the host needs to launch a forward; no forward is faster.
        host_gap_ms: what a caller waits on top of the device's time.
    """

    def __init__(
        self,
        seed: int,
        work: Callable[[Plan], Work],
        base_ms: float = 20.0,
        nuisance: Nuisance = Nuisance(),
        gather: float = 0.03,
        pairwise: float = 0.0,
        launch_floor_ms: float = 0.0,
        host_gap_ms: float = 0.05,
    ) -> None:
        self._seed, self._work, self._base_ms, self._nuisance = seed, work, base_ms, nuisance
        self._gather, self._pairwise = gather, pairwise
        self._floor_ms, self._gap_ms = launch_floor_ms, host_gap_ms
        self._truth: dict[Plan, float] = {}
        self._clock, self._sessions = 0.0, 0
        self._start_session()

    @property
    def name(self) -> str:
        """The device in words."""
        return f"simulated device {self._seed}"

    def now(self) -> float:
        """Virtual seconds since the device was made."""
        return self._clock

    def rest(self, seconds: float) -> None:
        """Let virtual time pass; the device cools."""
        self._clock += seconds
        self._heat *= exp(-seconds / self._nuisance.drift_s)

    def new_session(self) -> None:
        """A fresh process, minutes later: another session factor, a cold device, plans to warm up again."""
        self._clock += 300.0
        self._start_session()

    def true_ms(self, plan: Plan) -> float:
        """Latency without any nuisance: what a perfect measurement over many sessions would find."""
        if plan not in self._truth:
            self._truth[plan] = self._latency(self._work(plan))
        return self._truth[plan]

    def time_block(self, plan: Plan, forwards: int) -> Block:
        """See `latency.timer.Timer`."""
        nuisance, start = self._nuisance, self._clock
        level, flags = self._level(plan)
        event_ms: list[float] = []
        for _ in range(forwards):
            self._ar = self._next_noise()
            count = self._run.get(plan, 0)
            self._run[plan] = count + 1
            cold = 1 + nuisance.warmup * exp(-count / nuisance.warmup_forwards) if nuisance.warmup else 1.0
            event_ms.append(self.true_ms(plan) * level * cold * exp(self._ar))
        self._clock += sum(event_ms) / 1e3
        self._heat += (1 - self._heat) * (1 - exp(-(self._clock - start) / nuisance.drift_s))
        if self.true_ms(plan) <= self._floor_ms:
            flags.append(LAUNCH_BOUND)
        host_ms = tuple(time + self._gap_ms for time in event_ms)
        return Block(tuple(event_ms), host_ms, start, self._clock - start, tuple(flags))

    def _latency(self, work: Work) -> float:
        dense = self._dense.blocks
        cost = work.fixed_macs
        for block, full in zip(work.blocks, dense, strict=True):
            cost += block.macs
            if full.macs:
                # kernels work in tiles: a part of the cost moves in steps
                share = block.macs / full.macs
                cost += full.macs * (
                    0.1 * (ceil(16 * share) / 16 - share) + self._gather * (block.sparse and share > 0)
                )
        pair = 1.0
        for stage in (min(block.stage for block in dense), max(block.stage for block in dense)):
            left, whole = (sum(b.macs for b in blocks if b.stage == stage) for blocks in (work.blocks, dense))
            pair *= 1 - left / whole
        return max(self._floor_ms, self._base_ms * (cost / self._dense.macs + self._pairwise * pair))

    @cached_property
    def _dense(self) -> Work:
        return self._work(Plan())

    def _start_session(self) -> None:
        self._sessions += 1
        self._rng = random.Random(f"{self._seed} {self._sessions}")
        self._factor = 1 + self._nuisance.session * self._rng.uniform(-1, 1)
        self._step, self._heat, self._ar = 0.0, 0.0, 0.0
        self._run: dict[Plan, int] = {}
        self._next_step = self._after(self._nuisance.step_every_s)
        self._burst = self._after(self._nuisance.burst_every_s)
        self._throttle = self._after(self._nuisance.throttle_every_s)

    def _after(self, mean_s: float) -> float:
        return self._clock + self._rng.expovariate(1 / mean_s)

    def _next_noise(self) -> float:
        nuisance = self._nuisance
        fresh = sqrt(1 - nuisance.correlation**2) * self._rng.gauss(0, nuisance.noise)
        return nuisance.correlation * self._ar + fresh

    def _level(self, plan: Plan) -> tuple[float, list[str]]:
        """How slow the device is right now, and what a monitor would say about it."""
        nuisance, flags = self._nuisance, list[str]()
        while self._clock >= self._next_step:
            self._step = nuisance.step * self._rng.uniform(-1, 1)
            self._next_step += self._rng.expovariate(1 / nuisance.step_every_s)
        level = self._factor * (1 + self._step) * (1 + nuisance.drift * self._heat)
        if nuisance.own:
            shift = random.Random(f"{self._seed} {self._sessions} {zlib.crc32(str(plan).encode())}")
            level *= exp(shift.gauss(0, nuisance.own))
        while self._clock >= self._burst + nuisance.burst_s:
            self._burst = self._after(nuisance.burst_every_s)
        if nuisance.burst and self._clock >= self._burst:
            level *= 1 + nuisance.burst * self._rng.random()
            flags.append(CONTENDED)
        while self._clock >= self._throttle + nuisance.throttle_s:
            self._throttle = self._after(nuisance.throttle_every_s)
        if nuisance.throttled or (nuisance.throttle and self._clock >= self._throttle):
            level *= 1 + nuisance.throttle * (1 + self._rng.random() if nuisance.throttled else 1)
            flags.append(THROTTLED)
        return level, flags
