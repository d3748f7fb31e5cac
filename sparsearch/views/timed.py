"""Latencies as views show them: measured here, with all samples, or told by a service, without."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from latency.record import Measurement


class Timed(Protocol):
    """A latency in ms."""

    @property
    def median_ms(self) -> float: ...

    @property
    def interval_ms(self) -> tuple[float, float]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """A latency that a service tells.

    Args:
        median_ms: the median.
        interval_ms: its 95 % interval; infinite ends are not known.
    """

    median_ms: float
    interval_ms: tuple[float, float]

    @classmethod
    def of(cls, ms: float, low_ms: float | None, high_ms: float | None) -> "Told":
        """From the fields of the service, where None is unknown."""
        return cls(ms, (-math.inf if low_ms is None else low_ms, math.inf if high_ms is None else high_ms))


def timed(record: Mapping[str, Any]) -> Timed:
    """The latency of a stored record, or of one that a service told."""
    if "ms" in record:
        return Told.of(record["ms"], record.get("low_ms"), record.get("high_ms"))
    return Measurement.from_dict(record)
