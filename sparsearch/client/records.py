"""What a service answers, as frozen records. Times are ms, metrics 0..100, moments ISO 8601 in UTC.

A field that an older service does not send has its default; fields that only a newer service sends are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

TERMINAL = frozenset({"succeeded", "stopped", "cancelled", "infeasible", "failed"})
"""States in which a search rests; cancelled and failed ones can be resumed."""

Plan: TypeAlias = Mapping[str, Any]
"""Knob -> value, such as {"stage0": 0.3}."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a plan takes.

    Args:
        ms: the median, or what is predicted for it.
        low_ms, high_ms: its 95 % interval.
        p90_ms, p95_ms, p99_ms: percentiles of single forwards, where measured.
        samples: forwards that count.
        measured: whether it was measured for this very plan.
        flags: what was odd.
    """

    ms: float
    low_ms: float | None = None
    high_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    samples: int | None = None
    measured: bool | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about a search, such as FloorMeasured: true since `at`."""

    type: str
    status: bool | None = None
    reason: str | None = None
    message: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, defaults filled in.

    Args:
        target: name of the target.
        max_ms, min_ms: the budget.
        stat: what it is on: median, p90, p95 or p99.
        setting: what is timed: scope, batch, img_size, dtype, runtime, device, threads.
        effort: evaluations, seconds, images, workers.
    """

    target: str
    max_ms: float
    min_ms: float | None = None
    stat: str = "median"
    setting: Mapping[str, Any] = field(default_factory=dict)
    effort: Mapping[str, Any] = field(default_factory=dict)
    sampler: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a phase is: `done` of `total`, `rate` per second, `eta_s` seconds left."""

    phase: str
    done: int = 0
    total: int = 0
    rate: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Accuracy evaluations of a search; `reused` ones came from the archive."""

    running: int = 0
    done: int = 0
    failed: int = 0
    reused: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found.

    Args:
        plan: the chosen plan, shown by measurement to be inside the budget; None: there is none.
        point: its id, for downloads.
        latency: of the plan.
        upper_ms: what it exceeds only with probability `risk`.
        metrics: on the search images; `confirmed` on images the search did not use.
        dense_metrics, dense_confirmed: of the dense plan.
        dense_fits: whether the dense plan is inside the budget.
        nearest: when nothing is inside: the plan that comes nearest.
        verdict: all of it in a sentence.
    """

    plan: Plan | None = None
    point: str | None = None
    latency: Latency | None = None
    upper_ms: float | None = None
    risk: float | None = None
    metrics: Mapping[str, Any] | None = None
    confirmed: Mapping[str, Any] | None = None
    dense_metrics: Mapping[str, Any] | None = None
    dense_confirmed: Mapping[str, Any] | None = None
    dense_fits: bool | None = None
    nearest: Plan | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it stands."""

    id: str
    target: str
    state: str
    request: Request
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    created_at: str = ""
    updated_at: str = ""
    attempts: int = 0
    queue_position: int | None = None
    metric: str | None = None
    device: Mapping[str, Any] | None = None
    simulated: bool | None = None
    floor: Latency | None = None
    dense: Latency | None = None
    progress: Progress | None = None
    trials: Counts = field(default_factory=Counts)
    answer: Answer | None = None
    links: Mapping[str, Any] = field(default_factory=dict)

    @property
    def terminal(self) -> bool:
        """Whether nothing more happens unless it is resumed."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class Point:
    """A plan on the accuracy-latency plane.

    Args:
        id: its name in paths.
        meets: "yes", "borderline" or "no": whether it is inside the budget that was asked about.
        probability: of being inside.
        chosen: whether it is the answer.
        exported: whether its bundle exists already.
    """

    id: str
    plan: Plan
    metric: float | None
    latency: Latency
    metrics: Mapping[str, Any] | None = None
    meets: str | None = None
    probability: float | None = None
    chosen: bool = False
    exported: bool = False


@dataclass(frozen=True, slots=True)
class FrontBudget:
    """The budget that a front was judged by."""

    max_ms: float
    min_ms: float | None = None
    stat: str = "median"


@dataclass(frozen=True, slots=True)
class Front:
    """The plans no other beats in both accuracy and latency, fastest first.

    Args:
        knee, chosen: ids of points: the best bargain; the answer for this budget.
        hypervolume: area under the front.
        dense, floor: the ends.
        verdict: which one to take, in a sentence.
    """

    search: str
    points: tuple[Point, ...]
    metric: str | None = None
    budget: FrontBudget | None = None
    knee: str | None = None
    chosen: str | None = None
    hypervolume: float | None = None
    dense: Point | None = None
    floor: Point | None = None
    device: Mapping[str, Any] | None = None
    simulated: bool | None = None
    verdict: str | None = None

    def point(self, id: str) -> Point | None:
        """The point of an id; None: it is not on the front."""
        return next((one for one in self.points if one.id == id), None)


@dataclass(frozen=True, slots=True)
class Trial:
    """One accuracy evaluation that was asked for."""

    number: int
    plan: Plan
    state: str
    point: str | None = None
    metric: float | None = None
    metrics: Mapping[str, Any] | None = None
    latency_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    excess: float | None = None
    feasible: bool | None = None
    origin: str | None = None
    images: int | None = None
    seconds: float | None = None
    attempts: int | None = None
    cause: str | None = None
    error: str | None = None
    asked_at: str | None = None
    ended_at: str | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """What a dry run says of a request that would be taken.

    Args:
        feasible: whether some plan can meet the budget; None: nothing was measured on this device yet.
        space_size: legal plans; `feasible_estimate` of them are expected inside the budget.
        eta_s: how long the search may take.
        warnings: what to think about before sending it.
    """

    feasible: bool | None = None
    floor_ms: float | None = None
    dense_ms: float | None = None
    space_size: int | None = None
    feasible_estimate: int | None = None
    eta_s: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be searched: what the operator registered under a name."""

    name: str
    kind: str | None = None
    description: str = ""
    metric: str | None = None
    simulated: bool | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)
    ready: bool | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """What runs at the other end."""

    version: str
    name: str = ""
    api: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a search's log.

    Args:
        seq: its number; numbers grow, and `Client.events(id, after=seq)` goes on behind it.
        name: state, trial, front, progress, log, condition, measurement, model, ask, verify, confirm, export,
            prepared, end, or one of a newer service; "snapshot" carries a whole search.
        at: when.
        data: everything that was sent.
    """

    seq: int
    name: str
    at: str
    data: Mapping[str, Any]
