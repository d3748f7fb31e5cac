"""Plans as points: their public names, and latencies as JSON."""

import hashlib
import math
from collections.abc import Mapping

from api.schemas.search import Latency
from latency.record import Measurement
from models.plan import Value
from search.store.rows import plan_key


def point_id(plan: Mapping[str, Value]) -> str:
    """The public name of a plan, whatever the order of its knobs: 12 hexadecimal digits."""
    return hashlib.sha256(plan_key(plan).encode()).hexdigest()[:12]


def finite(value: float | None) -> float | None:
    """A number that JSON can say; None for NaN and infinity."""
    return value if value is not None and math.isfinite(value) else None


def latency_view(measurement: Measurement) -> Latency:
    """A measured latency."""
    low, high = measurement.interval_ms
    return Latency(
        ms=measurement.median_ms,
        low_ms=finite(low),
        high_ms=finite(high),
        p90_ms=measurement.p90_ms,
        p95_ms=measurement.p95_ms,
        p99_ms=measurement.p99_ms,
        samples=measurement.samples,
        measured=True,
        flags=list(measurement.flags),
    )
