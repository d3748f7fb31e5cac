"""A search as the service tells it."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.base import PlanJson, PointId, Told
from search.records import State


class Latency(Told):
    """A latency of one plan, in ms."""

    ms: float
    """The median."""
    low_ms: float | None = None
    """Lower end of the 95 % interval of the median."""
    high_ms: float | None = None
    """Upper end; null: too few samples for one."""
    p90_ms: float | None = None
    """Latency that one forward in ten exceeds."""
    p95_ms: float | None = None
    """Latency that one forward in twenty exceeds."""
    p99_ms: float | None = None
    """Latency that one forward in a hundred exceeds."""
    samples: int | None = None
    """Forwards behind it."""
    measured: bool
    """Whether this very plan was timed; false: predicted by the latency model."""
    flags: list[str] = Field(default_factory=list)
    """What makes it doubtful, in words."""


class Device(Told):
    """The machine in the setting that was asked for. Latencies of unlike keys never mix."""

    name: str
    key: str
    details: dict[str, Any]
    """What the key was made of."""


class Condition(Told):
    """One lasting fact about a search."""

    type: str
    """FloorMeasured, ModelReady, Verified, Exported, ExecutorLost or StopRequested."""
    status: bool
    reason: str
    message: str
    at: str
    """When it last changed, ISO 8601, UTC."""


class Progress(Told):
    """How far the present phase is."""

    phase: str
    """measure, evaluate, verify or confirm."""
    done: int
    total: int
    rate: float | None
    """Units per second."""
    eta_s: float | None
    """Seconds to the end of this phase."""


class TrialCounts(Told):
    """Trials by state: a trial is one evaluation that was asked for."""

    running: int
    done: int
    failed: int
    reused: int
    """How many of the done ones an earlier search had paid for."""
    total: int
    """Running, done and failed."""


class Setting(Told):
    """What is timed."""

    scope: str
    batch: int
    img_size: list[int]
    """[height, width] in pixels."""
    dtype: str
    runtime: str
    device: str
    threads: int | None


class Effort(Told):
    """How much work the search may do."""

    evaluations: int
    seconds: float | None
    images: int | None
    workers: int
    evaluation_timeout_s: float


class Request(Told):
    """The request with every default filled in."""

    target: str
    max_ms: float
    min_ms: float | None
    stat: Literal["median", "p90", "p95", "p99"]
    setting: Setting
    effort: Effort
    sampler: str
    seed: int


class Answer(Told):
    """What a search found."""

    plan: PlanJson | None
    """The chosen plan, shown by measurement to be within the budget; null: there is none."""
    point: PointId | None
    latency: Latency | None
    """Its last verifying measurement."""
    upper_ms: float | None
    """The bound that was compared with the budget."""
    risk: float
    """Accepted probability that the answer is over budget."""
    metrics: dict[str, float] | None
    """On the images of the search."""
    confirmed: dict[str, float] | None
    """On images that the search did not use."""
    dense_metrics: dict[str, float] | None
    dense_confirmed: dict[str, float] | None
    dense_fits: bool
    """Whether the dense plan meets the budget by itself."""
    nearest: PlanJson | None
    """When nothing met the budget: the measured plan that comes nearest."""
    verdict: str
    """The answer in a sentence."""


class Links(Told):
    """Where to go from here."""

    self: str
    page: str
    events: str
    trials: str
    front: str
    report: str | None
    """null: there is no bundle yet."""
    bundle: str | None
    """The chosen plan's bundle; null: there is none yet."""


class Search(Told):
    """A search: what was asked, how far it is, what it found."""

    id: str
    name: str
    labels: dict[str, str]
    target: str
    state: State
    message: str
    """One line about the state."""
    conditions: list[Condition]
    created_at: str
    """ISO 8601, UTC."""
    updated_at: str
    """Of the last change of state, ISO 8601, UTC."""
    attempts: int
    """Runner processes started."""
    queue_position: int | None
    """Searches ahead of it; null: it does not wait."""
    request: Request
    metric: str
    """The metric that is maximised."""
    device: Device | None
    simulated: bool | None
    """Whether latency or accuracy is simulated: never a statement about real hardware."""
    floor: Latency | None
    """The sparsest plan's."""
    dense: Latency | None
    """The dense plan's."""
    progress: Progress | None
    trials: TrialCounts
    answer: Answer | None
    links: Links


class SearchPage(Told):
    """Searches, newest first."""

    items: list[Search]
    next_page_token: str | None
    """Give it as `page_token` with the same filters; null: this is the last page."""
