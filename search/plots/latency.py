"""How single forwards scatter: the distribution of the latency of every plan that was measured for its own sake."""

import math
from typing import Any

import numpy as np

from latency.flags import explain
from latency.record import Measurement
from search.plots.source import Source, point_id

STEPS = 160
"""Points of one distribution function."""


def latency(source: Source) -> dict[str, Any]:
    """`series`: per measured plan its quantiles, interval and distribution function `ecdf` [[ms, share], ...].

    The ends, the chosen plan and the finalists come first; plans timed for the latency model only are left out.
    """
    newest: dict[str, tuple[str, Measurement]] = {}
    for purpose, record in source.measurements:
        if purpose != "design":
            newest[point_id(record.plan)] = (purpose, record)
    roles: dict[str, str] = {}
    if source.ends is not None:
        floor, dense = source.ends
        roles = {point_id(floor.plan): "floor", point_id(dense.plan): "dense"}
    if source.chosen is not None:
        roles[point_id(source.chosen)] = "chosen"
    order = {"chosen": 0, "floor": 1, "dense": 2, "finalist": 3}
    series = [_series(key, roles.get(key, "finalist"), record) for key, (_, record) in newest.items()]
    series.sort(key=lambda one: (order[one["role"]], one["ms"]))
    return {"series": series, "summary": _summary(series)}


def _series(key: str, role: str, record: Measurement) -> dict[str, Any]:
    low, high = record.interval_ms
    samples = np.sort(np.asarray(record.samples_ms))
    shares = np.arange(1, len(samples) + 1) / len(samples)
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(STEPS, len(samples))).round().astype(int))
    return {
        "id": key,
        "role": role,
        "plan": dict(record.plan),
        "ms": record.median_ms,
        "low_ms": low if math.isfinite(low) else float(samples[0]),
        "high_ms": high if math.isfinite(high) else float(samples[-1]),
        **{f"p{q}_ms": float(np.quantile(samples, q / 100)) for q in (90, 95, 99)},
        "samples": len(samples),
        "blocks": len(record.blocks),
        "left_out": len(record.blocks) - len(record.used),
        "flags": explain(record.flags),
        "ecdf": [[round(float(samples[i]), 5), round(float(shares[i]), 5)] for i in chosen],
    }


def _summary(series: list[dict[str, Any]]) -> str:
    if not series:
        return "Nothing has been measured yet."
    parts = [
        f"{one['role']} {one['ms']:.2f} ms (99 % of forwards within {one['p99_ms']:.2f} ms)"
        for one in series
        if one["role"] != "finalist"
    ]
    return f"Median latency, warm-up excluded: {'; '.join(parts)}."
