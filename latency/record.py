"""The record: raw block samples of one plan with everything needed to judge them; every statistic is a property."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from statistics import fmean, median
from typing import Any

from latency.device import DeviceFingerprint
from latency.errors import RecordError
from latency.flags import UNCLEAN
from latency.setting import Setting
from latency.statistics import Estimate, combine_sessions, estimate_median, quantile
from models.plan import Plan

PROTOCOL = 1
"""Counts changes of the protocol that make records incomparable."""

FEWEST_CLEAN = 5
"""With fewer clean blocks than this, the flagged ones count too."""


@dataclass(frozen=True, slots=True)
class BlockSample:
    """One block of consecutive forwards, beside its reference blocks.

    Args:
        session: the session it belongs to.
        start: seconds since that session began.
        event_ms: device time of every forward.
        host_ms: wall time of synchronised single forwards.
        reference_ms: median of the reference, interpolated to this block's time.
        ratio: median of the block / reference_ms: what drift of the whole device cannot change.
        flags: what was wrong with it.
    """

    session: str
    start: float
    event_ms: tuple[float, ...]
    host_ms: tuple[float, ...]
    reference_ms: float
    ratio: float
    flags: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing speaks against using it."""
        return not any(flag.partition(":")[0] in UNCLEAN for flag in self.flags)


@dataclass(frozen=True)
class Measurement:
    """The latency of one plan on one device.

    Milliseconds are ratio x `reference_ms`: a session in which the whole device is slower than usual changes neither.

    Args:
        plan: what was timed.
        setting: how.
        device: where.
        reference: the plan measured between.
        blocks: the raw material, of one or more sessions.
        reference_ms: long-run latency of the reference on this device.
        reference_se: relative standard error of `reference_ms`; 0: it defines the millisecond here.
        slack: relative doubt that the session's own check (reference against its duplicate) found.
        flags: what was wrong; words of `latency.flags`.
        seconds: how long it took, reference blocks included.
        seed: of the order of blocks.
        protocol: version of the measuring protocol.
    Raises:
        RecordError: no blocks, or a latency that is not positive and finite.
    """

    plan: Plan
    setting: Setting
    device: DeviceFingerprint
    reference: Plan
    blocks: tuple[BlockSample, ...]
    reference_ms: float
    reference_se: float = 0.0
    slack: float = 0.0
    flags: tuple[str, ...] = ()
    seconds: float = 0.0
    seed: int = 0
    protocol: int = PROTOCOL

    def __post_init__(self) -> None:
        if not self.blocks:
            raise RecordError(f"a measurement of {self.plan} needs at least one block")
        for value in (self.reference_ms, *(block.ratio for block in self.blocks)):
            if not (math.isfinite(value) and value > 0):
                raise RecordError(f"latencies of {self.plan} must be positive and finite; got {value}")

    @cached_property
    def used_blocks(self) -> tuple[BlockSample, ...]:
        """The blocks that count: the clean ones of a session, or all when hardly any is clean."""
        used: list[BlockSample] = []
        for session in self.sessions:
            blocks = [block for block in self.blocks if block.session == session]
            clean = [block for block in blocks if block.clean]
            used += clean if len(clean) >= min(FEWEST_CLEAN, len(blocks)) else blocks
        return tuple(used)

    @property
    def sessions(self) -> tuple[str, ...]:
        """Names of its sessions, in order."""
        return tuple(dict.fromkeys(block.session for block in self.blocks))

    @cached_property
    def estimate(self) -> Estimate:
        """Latency / latency of the reference, with its uncertainty."""
        ratios = [[b.ratio for b in self.used_blocks if b.session == session] for session in self.sessions]
        slack = self.slack * median(ratio for session in ratios for ratio in session)
        return combine_sessions([estimate_median(session, slack) for session in ratios])

    @cached_property
    def estimate_ms(self) -> Estimate:
        """Latency in ms, with its uncertainty and that of the reference's ms."""
        ratio, scale = self.estimate, self.reference_ms
        if self.reference_se == 0:
            values = tuple(scale * value for value in ratio.values)
            return Estimate(scale * ratio.value, scale * ratio.se, ratio.dof, values, scale * ratio.slack)
        se = scale * math.hypot(ratio.se, ratio.value * self.reference_se)
        return Estimate(scale * ratio.value, se, ratio.dof, (), scale * ratio.slack)

    @property
    def median_ms(self) -> float:
        """Typical latency of one forward (of the whole batch)."""
        return self.estimate_ms.value

    @property
    def interval_ms(self) -> tuple[float, float]:
        """95 % interval of `median_ms`; (0, inf) when there are too few blocks to tell."""
        low, high = self.estimate_ms.interval()
        return max(0.0, low), high

    @property
    def ratio(self) -> float:
        """Latency / latency of the reference."""
        return self.estimate.value

    @property
    def ratio_interval(self) -> tuple[float, float]:
        """95 % interval of `ratio`."""
        low, high = self.estimate.interval()
        return max(0.0, low), high

    @cached_property
    def samples_ms(self) -> tuple[float, ...]:
        """Single forwards on the setting's clock, brought to the reference's long-run latency, in order."""
        return tuple(
            sample * self.reference_ms / block.reference_ms
            for block in self.used_blocks
            for sample in (block.host_ms if self.setting.clock == "host" else block.event_ms)
        )

    @property
    def samples(self) -> int:
        """How many single forwards count."""
        return len(self.samples_ms)

    @property
    def p90_ms(self) -> float:
        """Nine of ten forwards take at most this; a plain percentile, see `decide` for a certified one."""
        return quantile(self.samples_ms, 0.9)

    @property
    def p99_ms(self) -> float:
        """99 of 100 forwards take at most this."""
        return quantile(self.samples_ms, 0.99)

    @property
    def raw_median_ms(self) -> float:
        """Median as it was on the day, drift and slow session included."""
        return median(sample for block in self.used_blocks for sample in self._clocked(block))

    @property
    def host_median_ms(self) -> float | None:
        """What a caller waits for one synchronised forward; None when the device's clock alone was read."""
        times = [sample for block in self.used_blocks for sample in block.host_ms]
        return median(times) if times else None

    def upper_ms(self, alpha: float = 0.01) -> float:
        """The truth lies above this with a risk of at most `alpha`."""
        return self.estimate_ms.upper(alpha)

    def lower_ms(self, alpha: float = 0.01) -> float:
        """The truth lies below this with a risk of at most `alpha`."""
        return self.estimate_ms.lower(alpha)

    def probability_within(self, budget_ms: float) -> float:
        """P(typical latency <= budget_ms)."""
        return self.estimate_ms.probability_below(budget_ms)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal measurement."""
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "plan": dict(self.plan),
            "setting": self.setting.to_dict(),
            "device": self.device.to_dict(),
            "reference": dict(self.reference),
            "blocks": [_block_to_dict(block) for block in self.blocks],
            "flags": list(self.flags),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Measurement":
        """Read what `to_dict` wrote.

        Raises:
            RecordError: a field is missing, unknown or malformed.
        """
        try:
            return cls(
                **{
                    **data,
                    "plan": Plan.of(data["plan"]),
                    "setting": Setting.from_dict(data["setting"]),
                    "device": DeviceFingerprint.from_dict(data["device"]),
                    "reference": Plan.of(data["reference"]),
                    "blocks": tuple(map(_block_from_dict, data["blocks"])),
                    "flags": tuple(data["flags"]),
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise RecordError(f"not a measurement: {error!r} in {str(data)[:200]}") from None

    def _clocked(self, block: BlockSample) -> tuple[float, ...]:
        return block.host_ms if self.setting.clock == "host" else block.event_ms


def merge(measurements: Sequence[Measurement]) -> Measurement:
    """Sessions of one plan on one device as one record.

    Raises:
        RecordError: nothing to merge, or unlike plans, devices or references, or one session twice.
    """
    if not measurements:
        raise RecordError("there is no measurement to merge")
    first = measurements[0]
    for other in measurements[1:]:
        if other.plan != first.plan or other.reference != first.reference:
            raise RecordError(f"cannot merge measurements of {first.plan} and {other.plan}: plan or reference differ")
        if changed := first.device.differences(other.device):
            raise RecordError(f"cannot merge measurements of unlike devices: {'; '.join(changed)}")
    names = [session for one in measurements for session in one.sessions]
    if len(set(names)) != len(names):
        raise RecordError(f"cannot merge a session with itself: {names}")
    return replace(
        first,
        blocks=tuple(block for one in measurements for block in one.blocks),
        reference_ms=fmean(one.reference_ms for one in measurements),
        slack=max(one.slack for one in measurements),
        flags=tuple(dict.fromkeys(flag for one in measurements for flag in one.flags)),
        seconds=sum(one.seconds for one in measurements),
    )


def _block_to_dict(block: BlockSample) -> dict[str, Any]:
    plain = {field.name: getattr(block, field.name) for field in fields(block)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def _block_from_dict(data: Mapping[str, Any]) -> BlockSample:
    return BlockSample(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
