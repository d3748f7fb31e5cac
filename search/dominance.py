"""Constrained dominance: which outcome beats which, and the front, hypervolume and knee that follow from it.

Two objectives everywhere: accuracy up, latency down. A plan over its budget is ranked by how far it is over, so an
infeasible outcome still tells a search where to go.

Source: K. Deb, "An efficient constraint handling method for genetic algorithms" (2000), rules 1-3.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from search.errors import SearchError


class Outcome(Protocol):
    """What is compared."""

    @property
    def metric(self) -> float | None:
        """Accuracy, higher is better; None: never evaluated, worse than every number."""

    @property
    def latency_ms(self) -> float:
        """Latency in milliseconds, lower is better."""

    @property
    def excess(self) -> float:
        """(upper latency bound - budget) / budget; at most 0: feasible."""


SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)


def merit(outcome: Outcome) -> tuple[float, float]:
    """Sort key for one budget, best first: (excess over it, 0 if inside; minus the metric)."""
    return max(_number("excess", outcome.excess), 0.0), -_metric(outcome)


def dominates(first: Outcome, second: Outcome) -> bool:
    """Whether `first` beats `second`.

    ============  ============  ============================================================
    first         second        first dominates when
    ============  ============  ============================================================
    feasible      infeasible    always
    infeasible    feasible      never
    infeasible    infeasible    its excess is smaller
    feasible      feasible      it is at least as good in accuracy and latency, better in one
    ============  ============  ============================================================

    Raises:
        SearchError: a metric, latency or excess is NaN.
    """
    over_first, over_second = merit(first)[0], merit(second)[0]
    if over_first or over_second:
        return over_first < over_second
    accuracy = _metric(first), _metric(second)
    latency = _number("latency_ms", first.latency_ms), _number("latency_ms", second.latency_ms)
    no_worse = accuracy[0] >= accuracy[1] and latency[0] <= latency[1]
    return no_worse and (accuracy[0] > accuracy[1] or latency[0] < latency[1])


def front(outcomes: Iterable[SomeOutcome]) -> list[SomeOutcome]:
    """The evaluated, feasible outcomes that no other one dominates, fastest first.

    Outcomes equal in both objectives stay together, in the order given. Sorting once makes it O(n log n).

    Raises:
        SearchError: a metric, latency or excess is NaN.
    """
    evaluated = [one for one in outcomes if one.metric is not None and merit(one)[0] == 0]
    ordered = sorted(evaluated, key=lambda one: (_number("latency_ms", one.latency_ms), -_metric(one)))
    kept: list[SomeOutcome] = []
    for one in ordered:
        if not kept or _metric(one) > _metric(kept[-1]) or _same(one, kept[-1]):
            kept.append(one)
    return kept


def hypervolume(outcomes: Iterable[Outcome], metric_floor: float, latency_ceiling_ms: float) -> float:
    """Area dominated by the front, down to a reference point.

    Args:
        outcomes: any outcomes; only their front counts.
        metric_floor: accuracy of the reference point; outcomes below add nothing.
        latency_ceiling_ms: latency of the reference point; outcomes above add nothing.
    Returns:
        Metric x milliseconds; 0 when nothing lies inside the reference point.
    """
    area, reached = 0.0, metric_floor
    for one in front(outcomes):
        metric = _metric(one)
        if one.latency_ms < latency_ceiling_ms and metric > reached:
            area += (latency_ceiling_ms - one.latency_ms) * (metric - reached)
            reached = metric
    return area


def knee(points: Sequence[SomeOutcome]) -> SomeOutcome:
    """The point of a front after which more latency buys least: farthest above the chord between its ends.

    Both axes are scaled to 0..1 first. With no bulge (fewer than three points, or a straight or hollow front) it is
    the most accurate point.

    Args:
        points: a front as `front` returns it, fastest first.
    Raises:
        SearchError: the front is empty.
    """
    if not points:
        raise SearchError("an empty front has no knee; evaluate at least one feasible plan first")
    fastest, best = points[0], points[-1]
    width = best.latency_ms - fastest.latency_ms
    height = _metric(best) - _metric(fastest)
    if width <= 0 or height <= 0:
        return best

    def bulge(point: SomeOutcome) -> float:
        return (_metric(point) - _metric(fastest)) / height - (point.latency_ms - fastest.latency_ms) / width

    farthest = max(points, key=bulge)
    return farthest if bulge(farthest) > 1e-12 else best


def _metric(outcome: Outcome) -> float:
    return -math.inf if outcome.metric is None else _number("metric", outcome.metric)


def _number(name: str, value: float) -> float:
    if math.isnan(value):
        raise SearchError(f"{name} is NaN, which has no rank; leave the outcome out or give metric=None")
    return value


def _same(first: Outcome, second: Outcome) -> bool:
    return first.metric == second.metric and first.latency_ms == second.latency_ms
