"""The record of a measurement: raw times, what was timed and where. Every statistic is derived from it when asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np

from latency.errors import RecordError
from latency.flags import UNCLEAN
from latency.setting import Setting
from latency.statistics import Location, Noise, locate
from latency.student import t_cdf, t_quantile
from latency.timer import Block
from models.plan import Plan

__all__ = ["Block", "BlockSample", "Device", "Measurement"]

NORMAL_975 = 1.959964
"""97.5 % quantile of the normal distribution."""

ENOUGH = 3
"""Clean blocks needed before doubtful ones are left out."""


@dataclass(frozen=True)
class Device:
    """The machine.

    Args:
        key: hash of what decides whether latencies may be compared.
        name: the device in words.
        details: what the key was made of, and context, as JSON values.
    """

    key: str
    name: str
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"key": self.key, "name": self.name, "details": dict(self.details)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Device":
        """Read what `to_dict` wrote."""
        return cls(values["key"], values["name"], dict(values.get("details", {})))


@dataclass(frozen=True, slots=True)
class BlockSample:
    """One block of forwards of one plan, set against the reference.

    Args:
        samples_ms: time of each forward as the device sees it.
        ratio: median of `samples_ms` over the reference's, interpolated between its neighbouring blocks in time.
        start: seconds on the session's clock.
        flags: what was wrong with it.
        host_ms: time of each forward as the caller sees it.
    """

    samples_ms: tuple[float, ...]
    ratio: float
    start: float
    flags: tuple[str, ...] = ()
    host_ms: tuple[float, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing speaks against using it."""
        return UNCLEAN.isdisjoint(self.flags)


@dataclass(frozen=True)
class Measurement:
    """What one session found about one plan.

    The estimate is the median over blocks of plan / reference, times the reference's long-run latency: whatever slows
    both alike (clocks, heat, another session) cancels.

    Args:
        plan, setting, device: what was timed, how and where.
        reference: the plan that every block was compared with.
        blocks: at least one.
        reference_ms: latency of the reference.
        reference_se: relative standard error of `reference_ms`.
        between_sd: relative standard deviation of the ratio from session to session, where known.
        inflation: relative widening of every interval, from an A/A check that failed.
        noise_sd, noise_dof: relative scatter of a block ratio among the other plans of the session, and the degrees of
            freedom it is credited with (`latency.statistics.Noise`).
        flags: what makes the measurement doubtful: see `latency.flags`
    Raises:
        RecordError: no block, or a time or ratio that is not a positive number.
    """

    plan: Plan
    setting: Setting
    device: Device
    reference: Plan
    blocks: tuple[BlockSample, ...]
    reference_ms: float
    reference_se: float = 0.0
    between_sd: float = 0.0
    inflation: float = 0.0
    noise_sd: float = 0.0
    noise_dof: float = 0.0
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.blocks:
            raise RecordError(f"a measurement needs at least one block; got none for plan {{{self.plan}}}")
        values = [self.reference_ms, *(block.ratio for block in self.blocks)]
        values += [sample for block in self.blocks for sample in block.samples_ms]
        if not all(0 < value < float("inf") for value in values) or not all(block.samples_ms for block in self.blocks):
            raise RecordError(f"times and ratios must be positive and finite; plan {{{self.plan}}} has others")

    @cached_property
    def used(self) -> tuple[BlockSample, ...]:
        """The blocks that count: the clean ones, or all when fewer than `ENOUGH` or than half are clean."""
        clean = tuple(block for block in self.blocks if block.clean)
        return clean if len(clean) >= max(ENOUGH, len(self.blocks) / 2) else self.blocks

    @cached_property
    def location(self) -> Location:
        """The ratio to the reference inside this session, 95 % interval and standard error."""
        return locate([block.ratio for block in self.used], Noise(self.noise_sd, self.noise_dof))

    @property
    def ratio(self) -> float:
        """Latency as a multiple of the reference's."""
        return self.location.centre

    @property
    def ratio_interval(self) -> tuple[float, float]:
        """95 % interval of `ratio` in this session; lower end not below 0."""
        widen = self.inflation * self.ratio
        return max(0.0, self.location.low - widen), self.location.high + widen

    @property
    def median_ms(self) -> float:
        """Typical latency of one forward."""
        return self.ratio * self.reference_ms

    @property
    def interval_ms(self) -> tuple[float, float]:
        """95 % interval of `median_ms`, with the reference's own error and the scatter between sessions."""
        low, high = self.location.low / self.ratio, self.location.high / self.ratio
        outside = NORMAL_975 * sqrt(self.reference_se**2 + self.between_sd**2)
        below = sqrt((1 - low) ** 2 + outside**2) + self.inflation
        above = sqrt((high - 1) ** 2 + outside**2) + self.inflation
        return self.median_ms * max(0.0, 1 - below), self.median_ms * (1 + above)

    @property
    def standard_error(self) -> float:
        """Relative standard error of `median_ms`, everything included except `inflation`."""
        return sqrt((self.location.standard_error / self.ratio) ** 2 + self.reference_se**2 + self.between_sd**2)

    def upper_ms(self, alpha: float = 0.01) -> float:
        """Bound that the median latency exceeds with probability `alpha`.

        Raises:
            ValueError: `alpha` lies outside (0, 1).
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha={alpha} must lie between 0 and 1; use 0.01 for 1 %")
        reach = t_quantile(1 - alpha, self.location.degrees) * self.standard_error
        return self.median_ms * max(0.0, 1 + reach + self.inflation)

    def probability_within(self, budget_ms: float) -> float:
        """P(median latency <= budget_ms); at least 1 - alpha exactly when `upper_ms(alpha)` is within the budget."""
        margin = budget_ms / self.median_ms - 1 - self.inflation
        error = self.standard_error
        if error == 0:
            return float(margin >= 0)
        return t_cdf(margin / error, self.location.degrees)

    @cached_property
    def samples_ms(self) -> tuple[float, ...]:
        """Every forward that counts, scaled to `reference_ms`: drift of the device is taken out block by block."""
        scaled: list[float] = []
        for block in self.used:
            scale = block.ratio * self.reference_ms / float(np.median(block.samples_ms))
            scaled.extend(scale * sample for sample in block.samples_ms)
        return tuple(scaled)

    @property
    def samples(self) -> int:
        """How many forwards count."""
        return sum(len(block.samples_ms) for block in self.used)

    @property
    def p90_ms(self) -> float:
        """Latency that one forward in ten exceeds."""
        return float(np.quantile(self.samples_ms, 0.90))

    @property
    def p95_ms(self) -> float:
        """Latency that one forward in twenty exceeds."""
        return float(np.quantile(self.samples_ms, 0.95))

    @property
    def p99_ms(self) -> float:
        """Latency that one forward in a hundred exceeds; below 100 samples little more than the slowest one."""
        return float(np.quantile(self.samples_ms, 0.99))

    def to_dict(self) -> dict[str, Any]:
        """JSON values, nothing lost."""
        values: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("setting", "device"):
            values[name] = values[name].to_dict()
        for name in ("plan", "reference"):
            values[name] = dict(values[name])
        values["blocks"] = [
            {
                "samples_ms": list(block.samples_ms),
                "ratio": block.ratio,
                "start": block.start,
                "flags": list(block.flags),
                "host_ms": list(block.host_ms),
            }
            for block in self.blocks
        ]
        values["flags"] = list(self.flags)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Measurement":
        """Read what `to_dict` wrote.

        Raises:
            RecordError: a field is missing or unknown.
        """
        try:
            blocks = tuple(
                BlockSample(
                    tuple(block["samples_ms"]),
                    block["ratio"],
                    block["start"],
                    tuple(block["flags"]),
                    tuple(block["host_ms"]),
                )
                for block in values["blocks"]
            )
            made = {
                "plan": Plan.of(values["plan"]),
                "setting": Setting.from_dict(values["setting"]),
                "device": Device.from_dict(values["device"]),
                "reference": Plan.of(values["reference"]),
                "blocks": blocks,
                "flags": tuple(values["flags"]),
            }
            return cls(**{**values, **made})
        except (KeyError, TypeError) as error:
            raise RecordError(f"no readable measurement: {type(error).__name__}: {error}") from None
