"""The front: the plans that no other plan beats in both accuracy and latency, judged against a budget."""

from typing import Literal

from api.schemas.base import PlanJson, PointId, Told
from api.schemas.search import Device

Meets = Literal["yes", "borderline", "no"]


class PointLatency(Told):
    """Where a point lies on the latency axis, in ms of the budget's statistic."""

    ms: float
    low_ms: float | None
    """Lower end of the 95 % interval."""
    high_ms: float | None
    """Upper end; null: too few samples for one."""
    measured: bool
    """Whether this very plan was timed; false: predicted by the latency model."""


class Point(Told):
    """One plan with its accuracy and its latency."""

    id: PointId
    plan: PlanJson
    metric: float | None
    """The metric that is maximised, on the images of the search; null: not evaluated."""
    metrics: dict[str, float] | None
    """All metrics; null where only the maximised one is kept."""
    latency: PointLatency
    meets: Meets
    """yes: the interval lies inside the budget; no: outside; borderline: the budget cuts it."""
    probability: float | None
    """P(latency inside the budget)."""
    chosen: bool
    """Whether it is the answer of the search."""
    exported: bool
    """Whether its bundle is there already; any other one is made when it is asked for."""


class FrontBudget(Told):
    """The budget that the points were judged against."""

    max_ms: float
    min_ms: float | None
    stat: Literal["median", "p90", "p95", "p99"]


class Front(Told):
    """The trade-off that a search found, or has found so far, fastest first."""

    search: str
    metric: str
    budget: FrontBudget
    points: list[Point]
    knee: PointId | None
    """Of the points that may meet the budget, the one farthest above the line between the fastest and the best."""
    chosen: PointId | None
    hypervolume: float | None
    """Area (metric times ms) that the points dominate, down to metric 0 and up to the dense plan's latency."""
    dense: Point | None
    floor: Point | None
    device: Device | None
    simulated: bool | None
    verdict: str
    """What to take, in a sentence."""
