"""The front of a search for any budget: judged again from what was measured and forecast, without a new trial."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

from api.schemas.front import Front, FrontBudget, Meets, Point, PointLatency
from api.schemas.search import Device
from api.views.points import finite, point_id
from api.views.verdict import verdict
from latency.record import Measurement
from models.plan import Plan
from search import records
from search.budget import Budget

RISK = 0.025
"""On each side: what is judged is the 95 % interval that is shown."""

_HALF_WIDTHS = NormalDist().inv_cdf(1 - RISK)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontFacts:
    """What is known about the front of one search.

    Args:
        search: its id.
        metric: what is maximised.
        budget: what was asked.
        points: of the answer, or of the latest front.
        sessions: measurements of single plans, by plan.
        metrics: all metrics of single plans.
        dense: the dense plan; None: not known yet.
        floor: the sparsest plan.
        chosen: the answer's plan.
        probability: of the answer, that it is within the budget that was asked.
        exported: ids of the plans whose bundle is there.
        device, simulated: where latencies were measured.
        final: whether there is an answer.
    """

    search: str
    metric: str
    budget: Budget
    points: tuple[records.Point, ...] = ()
    sessions: Mapping[Plan, Sequence[Measurement]] = field(default_factory=dict)
    metrics: Mapping[Plan, Mapping[str, float]] = field(default_factory=dict)
    dense: Plan | None = None
    floor: Plan | None = None
    chosen: Plan | None = None
    probability: float | None = None
    exported: frozenset[str] = frozenset()
    device: Device | None = None
    simulated: bool | None = None
    final: bool = False

    def with_exported(self, exported: frozenset[str]) -> "FrontFacts":
        """The same, knowing which bundles are there."""
        return replace(self, exported=exported)


def front_view(facts: FrontFacts, budget: Budget | None = None) -> Front:
    """The front, judged against a budget.

    Args:
        facts: what is known.
        budget: another one than was asked.
    """
    from search.front import front as non_dominated  # needs SciPy by way of the latency model

    budget = budget or facts.budget
    points = [_judged(point, facts, budget) for point in non_dominated([_measured(p, facts) for p in facts.points])]
    dense, floor = (_end(plan, facts, budget) for plan in (facts.dense, facts.floor))
    return Front(
        search=facts.search,
        metric=facts.metric,
        budget=FrontBudget(max_ms=budget.max_ms, min_ms=budget.min_ms, stat=budget.statistic),
        points=points,
        knee=knee(points),
        chosen=None if facts.chosen is None else point_id(facts.chosen),
        hypervolume=None if dense is None else hypervolume(points, dense.latency.ms),
        dense=dense,
        floor=floor,
        device=facts.device,
        simulated=facts.simulated,
        verdict=verdict(
            points,
            dense,
            facts.metric,
            budget,
            None if facts.device is None else facts.device.name,
            simulated=bool(facts.simulated),
            final=facts.final,
        ),
    )


def knee(points: Iterable[Point]) -> str | None:
    """The point farthest above the chord between the fastest and the best one, both axes scaled to 0..1.

    Only points that may meet the budget count: a bargain that cannot be taken is none. None: fewer than three points,
    or none above the chord.
    """
    open_ = [(p.latency.ms, p.metric, p.id) for p in points if p.meets != "no" and p.metric is not None]
    if len(open_) < 3:
        return None
    open_.sort()
    (x0, y0, _), (x1, y1, _) = open_[0], open_[-1]
    if x1 == x0 or y1 == y0:
        return None
    above = [((y - y0) / (y1 - y0) - (x - x0) / (x1 - x0), name) for x, y, name in open_[1:-1]]
    distance, name = max(above)
    return name if distance > 0 else None


def hypervolume(points: Iterable[Point], limit_ms: float) -> float:
    """Area between the front, metric 0 and `limit_ms`, in metric times ms; slower points add nothing."""
    area, reached = 0.0, 0.0
    for point in sorted(points, key=lambda one: one.latency.ms):
        if point.metric is not None and point.latency.ms < limit_ms and point.metric > reached:
            area += (limit_ms - point.latency.ms) * (point.metric - reached)
            reached = point.metric
    return area


def _measured(point: records.Point, facts: FrontFacts) -> records.Point:
    """The point at its measured latency, where there is one with an interval: measured beats predicted."""
    sessions = facts.sessions.get(point.plan)
    if point.measured or not sessions or facts.budget.statistic != "median":
        return point
    low, high = sessions[-1].interval_ms
    if not math.isfinite(high):
        return point
    return replace(point, latency_ms=sessions[-1].median_ms, low_ms=low, high_ms=high, measured=True)


def _judged(point: records.Point, facts: FrontFacts, budget: Budget) -> Point:
    latency = PointLatency(
        ms=point.latency_ms, low_ms=finite(point.low_ms), high_ms=finite(point.high_ms), measured=point.measured
    )
    meets, probability = _judgement(point, facts, budget)
    name = point_id(point.plan)
    metrics = facts.metrics.get(point.plan)
    return Point(
        id=name,
        plan=dict(point.plan),
        metric=finite(point.metric),
        metrics=None if metrics is None else dict(metrics),
        latency=latency,
        meets=meets,
        probability=probability,
        chosen=point.plan == facts.chosen,
        exported=name in facts.exported,
    )


def _judgement(point: records.Point, facts: FrontFacts, budget: Budget) -> tuple[Meets, float]:
    """Whether a point meets a budget, and how probable that is.

    The answer was accepted with the search's own, stricter rule; what was measured is judged by its samples; what is
    only forecast by its band, taken as normal.
    """
    if point.plan == facts.chosen and budget == facts.budget:
        return "yes", facts.probability if facts.probability is not None else point.within
    if point.measured and (sessions := facts.sessions.get(point.plan)):
        from search.judging import judge  # as above

        decision = judge(sessions, budget, RISK)
        words: dict[bool | None, Meets] = {True: "yes", False: "no", None: "borderline"}
        return words[decision.meets], min(1.0, max(0.0, decision.probability))
    return _inside(point, budget), _chance(point, budget)


def _inside(point: records.Point, budget: Budget) -> Meets:
    lowest = budget.min_ms or 0.0
    if point.low_ms > budget.max_ms or point.high_ms < lowest:
        return "no"
    return "yes" if point.high_ms <= budget.max_ms and point.low_ms >= lowest else "borderline"


def _chance(point: records.Point, budget: Budget) -> float:
    spread = (point.high_ms - point.low_ms) / 2 / _HALF_WIDTHS
    if not math.isfinite(spread):
        return 0.5
    if spread <= 0:
        return float((budget.min_ms or 0.0) <= point.latency_ms <= budget.max_ms)
    normal = NormalDist(point.latency_ms, spread)
    return max(0.0, normal.cdf(budget.max_ms) - (0.0 if budget.min_ms is None else normal.cdf(budget.min_ms)))


def _end(plan: Plan | None, facts: FrontFacts, budget: Budget) -> Point | None:
    """The dense or the sparsest plan, which were measured before anything else."""
    if plan is None or not (sessions := facts.sessions.get(plan)):
        return None
    low, high = sessions[-1].interval_ms
    metric = facts.metrics.get(plan, {}).get(facts.metric, math.nan)
    shown = records.Point(plan, metric, sessions[-1].median_ms, low, high, 0.0, measured=True)
    return _judged(shown, facts, budget)
