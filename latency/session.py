"""The session: blocks of all plans in random order, each between two blocks of one reference plan.

A device is never the same twice: clocks, heat and neighbours move it by several percent, from one session to the next
by twenty. What a plan takes compared with the reference a moment before and after hardly moves at all. So that ratio is
what is measured, and the reference's own latency turns it back into milliseconds.

Source: interleaving and pairing, "Duet benchmarking" (arXiv 2001.05811), alternating instead of running both at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from random import Random
from statistics import median
from typing import TypeAlias

from latency.baseline import Baseline
from latency.errors import MeasurementError
from latency.flags import AA_FAILED, DEVICE_BUSY, IMPRECISE, NOT_STATIONARY, SUSPECT
from latency.record import BlockSample, Device, Measurement
from latency.setting import Setting
from latency.statistics import Noise, interpolate, locate, scatter
from latency.stopping import QUICK, Stopping
from latency.timer import Block, Timer
from latency.warmup import HEAT_UP, HEAT_UP_CPU, warm_up
from models.plan import Plan

Progress: TypeAlias = Callable[[Sequence[Measurement]], None]

BLOCK_MS = 75.0
"""Wanted length of a block: long against the timer and the hand-over, short against whatever drifts."""

FORWARDS = 3
"""Forwards per block at least, so that its median is one."""

GROUP = 8
"""Plans that take turns; when they are finished, their records can be stored, and the next ones begin."""

BETWEEN = 2
"""Plans between two blocks of the reference."""

ALONE = 3
"""So few plans meet the same reference block again in the next round; each round then gets a first one of its own."""

AA_TOLERANCE = 0.005
"""How far the reference may be from its own duplicate before intervals are widened."""

PRIOR = 10.0
"""Degrees of freedom that the scatter of the other plans is credited with at most."""


@dataclass
class _Target:
    """A plan on its way to a measurement."""

    plan: Plan
    forwards: int
    blocks: list[Block] = field(default_factory=list)
    reason: str | None = None

    @property
    def seconds(self) -> float:
        return sum(block.seconds for block in self.blocks)


class Session:
    """One visit to a device.

    Args:
        timer: times blocks of forwards.
        setting, device: what is timed, and where; copied into the records.
        reference: the plan that all others are compared with, best one of middling latency.
        rng: draws the order of the blocks.
        reference_ms: long-run latency of the reference, from an earlier session; None: what this session finds.
        reference_se: relative standard error of `reference_ms`.
        between_sd: relative scatter of a ratio from session to session, where known.
        progress: told all finished measurements whenever a group of plans is finished.
    """

    def __init__(
        self,
        timer: Timer,
        setting: Setting,
        device: Device,
        reference: Plan,
        rng: Random,
        *,
        reference_ms: float | None = None,
        reference_se: float = 0.0,
        between_sd: float = 0.0,
        progress: Progress | None = None,
    ) -> None:
        self._timer, self._setting, self._device, self._reference = timer, setting, device, reference
        self._rng, self._progress, self._between_sd = rng, progress, between_sd
        self._reference_ms, self._reference_se = reference_ms, reference_se
        pauses = (0.25, 0.5, 1.0) if setting.kind == "cpu" else (2.0, 4.0, 8.0)
        self._baseline = Baseline(timer, setting.clock, pauses)
        self._flags: set[str] = set()
        self._duplicate: _Target | None = None
        self._inflation = 0.0

    def measure(
        self, plans: Sequence[Plan], stopping: Stopping = QUICK, finished: Iterable[Measurement] = ()
    ) -> list[Measurement]:
        """Measure plans.

        Args:
            plans: what to measure; a plan that occurs twice is measured once.
            stopping: when a plan has been measured enough.
            finished: records of an interrupted run; their plans are not measured again.
        Returns:
            One measurement per plan, in the order of `plans`; never none, doubts are in its flags.
        Raises:
            MeasurementError: no plans, `finished` is of another device or setting, or a forward failed.
        """
        if not plans:
            raise MeasurementError("nothing to measure: the list of plans is empty")
        done = {record.plan: record for record in finished}
        for record in done.values():
            if record.setting != self._setting or record.device.key != self._device.key:
                raise MeasurementError(
                    f"finished measurements are of {record.device.name} ({record.setting}), this session is on "
                    f"{self._device.name} ({self._setting}); latencies of unlike devices or settings never mix"
                )
        wanted = list(dict.fromkeys(plans))
        missing = [plan for plan in wanted if plan not in done]
        if missing and self._duplicate is None:
            self._heat_up()
        for start in range(0, len(missing), GROUP):
            for record in self._measure_group(missing[start : start + GROUP], stopping):
                done[record.plan] = record
            if self._progress is not None:
                self._progress([done[plan] for plan in wanted if plan in done])
        return [done[plan] for plan in plans]

    def _heat_up(self) -> None:
        rule = HEAT_UP_CPU if self._setting.kind == "cpu" else HEAT_UP
        if not warm_up(self._timer, self._reference, self._prepare(self._reference), rule):
            self._flags.add(NOT_STATIONARY)
        # now that it is warm
        self._forwards = self._prepare(self._reference)

    def _prepare(self, plan: Plan) -> int:
        """Run a plan for the first time, and see how many forwards make a block."""
        first = self._timer.time_block(plan, FORWARDS)
        return max(FORWARDS, ceil(BLOCK_MS / median(first.event_ms)))

    def _measure_group(self, plans: Sequence[Plan], stopping: Stopping) -> list[Measurement]:
        targets = [_Target(plan, self._prepare(plan)) for plan in plans]
        everyone = list(targets)
        if self._duplicate is None:
            self._duplicate = _Target(self._reference, self._forwards)
            everyone.append(self._duplicate)
        self._time_reference()
        while active := [target for target in everyone if target.reason is None]:
            self._rng.shuffle(active)
            if len(active) <= ALONE:
                self._time_reference()
            for turn, target in enumerate(active, 1):
                target.blocks.append(self._timer.time_block(target.plan, target.forwards))
                if turn % BETWEEN == 0 or turn == len(active):
                    self._time_reference()
            ratios = [self._ratios(target) for target in everyone]
            noise = _shared(ratios)
            for target, own in zip(everyone, ratios, strict=True):
                target.reason = target.reason or stopping.reason(own, target.seconds, noise)
            if self._baseline.busy:
                self._flags.add(DEVICE_BUSY)
                if self._setting.kind != "cpu":  # where others come and go all the time, and the ratio still holds
                    break
        self._check_duplicate(noise)
        return [self._record(target, stopping, noise) for target in targets]

    def _time_reference(self) -> None:
        self._baseline.add(lambda: self._timer.time_block(self._reference, self._forwards))

    def _ratios(self, target: _Target) -> list[float]:
        return [self._ratio(block) for block in target.blocks]

    def _times_ms(self, block: Block) -> tuple[float, ...]:
        return block.host_ms if self._setting.clock == "host" else block.event_ms

    def _ratio(self, block: Block) -> float:
        at = block.start + block.seconds / 2
        reference_ms = interpolate(self._baseline.times, self._baseline.medians_ms, at)
        return median(self._times_ms(block)) / reference_ms

    def _sample(self, block: Block) -> BlockSample:
        suspect = (SUSPECT,) if self._baseline.strayed(block.start + block.seconds / 2) else ()
        flags = tuple(dict.fromkeys((*block.flags, *suspect)))
        return BlockSample(self._times_ms(block), self._ratio(block), block.start, flags, block.host_ms)

    def _check_duplicate(self, noise: Noise) -> None:
        """The A/A check: the reference against its own duplicate must come out as 1."""
        assert self._duplicate is not None
        where = locate(self._ratios(self._duplicate), noise)
        surely = not where.low <= 1 <= where.high
        if surely and abs(where.centre - 1) > AA_TOLERANCE:
            self._inflation = abs(where.centre - 1)
            self._flags.add(AA_FAILED)

    def _record(self, target: _Target, stopping: Stopping, noise: Noise) -> Measurement:
        here = locate(self._baseline.medians_ms)
        known = self._reference_ms is not None
        record = Measurement(
            plan=target.plan,
            setting=self._setting,
            device=self._device,
            reference=self._reference,
            blocks=tuple(map(self._sample, target.blocks)),
            reference_ms=self._reference_ms if self._reference_ms is not None else here.centre,
            reference_se=self._reference_se if known else min(1.0, here.standard_error / here.centre),
            between_sd=self._between_sd,
            inflation=self._inflation,
            noise_sd=noise.sd,
            noise_dof=noise.degrees,
            flags=tuple(sorted(self._flags | self._baseline.flags | _frequent(target.blocks))),
        )
        low, high = record.ratio_interval
        if stopping.precision and (high - low) / 2 > stopping.precision * record.ratio and target.reason != "decided":
            return replace(record, flags=(*record.flags, IMPRECISE))
        return record


def _shared(ratios: Sequence[Sequence[float]]) -> Noise:
    noise = scatter(ratios)
    return Noise(noise.sd, min(PRIOR, noise.degrees))


def _frequent(blocks: Sequence[Block]) -> set[str]:
    """Flags of at least half the blocks: the measurement's own."""
    every = [flag for block in blocks for flag in set(block.flags)]
    return {flag for flag in every if every.count(flag) >= len(blocks) / 2}
