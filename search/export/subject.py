"""What a bundle is about: the answer of one search, gathered into one record that every part of the bundle reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.plan import Plan
from models.space import Space
from search.budget import Budget
from search.tasks import Kind

METRICS = {"bbox_mAP": "box mAP", "segm_mAP": "mask mAP", "top1": "top-1", "top5": "top-5"}
"""What the metrics are called in prose; the first one present is the one a search maximises."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A latency as the bundle states it, in milliseconds.

    Args:
        median_ms: the median, or the prediction if nothing was measured.
        low_ms, high_ms: 95 % interval (measured) or band of the latency model (predicted).
        measured: whether this plan itself was timed.
        p90_ms, p99_ms: quantiles of the samples.
        upper_ms: the upper bound that was compared with the budget.
        samples_ms: the raw samples.
        flags: what made the measurement doubtful, in words.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    measured: bool
    p90_ms: float | None = None
    p99_ms: float | None = None
    upper_ms: float | None = None
    samples_ms: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One plan with its latency and its accuracy on `images` images of the search split."""

    plan: Plan
    timing: Timing
    metrics: Mapping[str, float] = field(default_factory=dict)
    images: int = 0


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Accuracy on images the search never used."""

    metrics: Mapping[str, float]
    images: int
    split: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The answer of one search.

    Args:
        search: id of the search.
        created: when the search ended, ISO 8601 in UTC.
        target: name of the target; `kind`: see `search.tasks`.
        config, checkpoint: files of the target, absolute; None where the target is synthetic.
        job: the request as it was stored.
        space: the knobs.
        budget: what was asked.
        device: fingerprint of the machine, as JSON.
        setting: what was timed, as JSON.
        chosen: the answer; `dense` and `floor` the ends of the space; `front` all trade-offs, fastest first.
        confirmed, confirmed_dense: the accuracy check, where it was made.
        probability: P(latency of `chosen` <= budget).
        measured, evaluated: how many plans were timed, and had their accuracy evaluated.
        latency_model: report of the fitted model (gates), as JSON.
        records: raw latency records by role ("chosen", "dense", "floor"), as JSON.
        simulated: whether latency or accuracy is simulated: never a statement about real hardware.
    """

    search: str
    created: str
    target: str
    kind: Kind
    config: str | None
    checkpoint: str | None
    job: Mapping[str, Any]
    space: Space
    budget: Budget
    device: Mapping[str, Any]
    setting: Mapping[str, Any]
    chosen: Point
    dense: Point
    floor: Point
    front: tuple[Point, ...]
    confirmed: Confirmation | None = None
    confirmed_dense: Confirmation | None = None
    probability: float | None = None
    measured: int = 0
    evaluated: int = 0
    latency_model: Mapping[str, Any] | None = None
    records: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False

    @property
    def metric(self) -> str:
        """Name of the metric that was maximised."""
        known = [name for name in METRICS if name in self.chosen.metrics]
        return known[0] if known else next(iter(self.chosen.metrics), "metric")

    @property
    def meets_budget(self) -> bool:
        """Whether the measured upper bound is inside the budget."""
        upper = self.chosen.timing.upper_ms
        return self.chosen.timing.measured and upper is not None and upper <= self.budget.max_ms


def call(metric: str) -> str:
    """The metric's name in prose."""
    return METRICS.get(metric, metric)


def verdict(subject: Subject) -> str:
    """The answer in one or two sentences, with its uncertainty and what it is compared with."""
    chosen, dense, metric = subject.chosen, subject.dense, subject.metric
    timing = chosen.timing
    words = [
        f"In {subject.measured} latency measurements and {subject.evaluated} accuracy evaluations, "
        f"the plan {{{chosen.plan}}} reaches {chosen.metrics.get(metric, float('nan')):.1f} {call(metric)} "
        f"at {timing.median_ms:.2f} ms (95 % interval {timing.low_ms:.2f} to {timing.high_ms:.2f})"
    ]
    if subject.meets_budget:
        words.append(
            f", inside the budget of {subject.budget.max_ms:g} ms with its upper bound {timing.upper_ms:.2f} ms"
        )
    else:
        words.append(f"; its latency is NOT shown to be inside the budget of {subject.budget.max_ms:g} ms")
    saved = 100 * (1 - timing.median_ms / dense.timing.median_ms)
    words.append(f". Dense takes {dense.timing.median_ms:.2f} ms, so this saves {saved:.0f} %")
    if metric in dense.metrics and metric in chosen.metrics:
        words.append(
            f" and costs {dense.metrics[metric] - chosen.metrics[metric]:.1f} {call(metric)} before fine-tuning"
        )
    words.append(f". Device: {device_name(subject)}.")
    if subject.confirmed and metric in subject.confirmed.metrics:
        c = subject.confirmed
        words.append(f" On {c.images} images the search never used it has {c.metrics[metric]:.1f} {call(metric)}.")
    return "".join(words)


def device_name(subject: Subject) -> str:
    """The device in words; a simulated one says so."""
    name = str(subject.device.get("name") or subject.setting.get("device", "unknown"))
    return f"{name} (simulated)" if subject.simulated and "simulated" not in name else name
