"""Accuracy against latency: the front with intervals, both ends, and every trial behind it."""

from typing import Any

from latency.record import Measurement
from search.dominance import knee
from search.plots.source import Source, point_id
from search.records import Point
from search.samplers.protocol import Result
from search.store.rows import TrialRow, plan_key


def front(source: Source) -> dict[str, Any]:
    """`points` (the front), `trials` (the cloud), `dense` and `floor`, ids of `knee` and `chosen`."""
    points = [_point(point, source) for point in source.front]
    ends = source.ends
    bend = _knee(source)
    return {
        "points": points,
        "trials": [_trial(trial) for trial in source.finished],
        "finished": source.counts.get("done", 0),
        "floor": None if ends is None else _end(ends[0], source),
        "dense": None if ends is None else _end(ends[1], source),
        "knee": None if bend is None else point_id(bend.plan),
        "chosen": None if source.chosen is None else point_id(source.chosen),
        "summary": _summary(source, bend),
    }


def _point(point: Point, source: Source) -> dict[str, Any]:
    risk = source.row.job.alpha
    meets = "yes" if point.within >= 1 - risk else "no" if point.within <= risk else "borderline"
    return {
        "id": point_id(point.plan),
        "plan": dict(point.plan),
        "metric": point.metric,
        "ms": point.latency_ms,
        "low_ms": point.low_ms,
        "high_ms": point.high_ms,
        "measured": point.measured,
        "probability": point.within,
        "meets": meets,
        "chosen": source.chosen is not None and plan_key(point.plan) == plan_key(source.chosen),
    }


def _trial(trial: TrialRow) -> dict[str, Any]:
    return {
        "number": trial.number,
        "id": point_id(trial.plan),
        "metric": trial.metric,
        "ms": trial.latency_ms,
        "feasible": trial.excess is not None and trial.excess <= 0,
        "plan": dict(trial.plan),
    }


def _end(measurement: Measurement, source: Source) -> dict[str, Any]:
    low, high = measurement.interval_ms
    return {
        "id": point_id(measurement.plan),
        "plan": dict(measurement.plan),
        "metric": source.metric_of(measurement.plan),
        "ms": measurement.median_ms,
        "low_ms": low,
        "high_ms": high,
        "measured": True,
    }


def _knee(source: Source) -> Point | None:
    """Of the points that may meet the budget, the one after which more time buys least; None without a bulge."""
    risk = source.row.job.alpha
    paired = [(_result(point), point) for point in source.front if point.within > risk]
    if len(paired) < 3:
        return None
    bend = knee([result for result, _ in paired])
    return None if bend is paired[-1][0] else next(point for result, point in paired if result is bend)


def _result(point: Point) -> Result:
    return Result(point.plan, point.metric, point.latency_ms, excess=0.0)


def _summary(source: Source, bend: Point | None) -> str:
    points, head = source.front, source.head()
    if not points:
        return "No plan has both an accuracy and a latency yet."
    first, last = points[0], points[-1]
    text = (
        f"{len(points)} plans that no other plan beats, from {first.latency_ms:.1f} ms with {first.metric:.1f} "
        f"{head['metric_name']} to {last.latency_ms:.1f} ms with {last.metric:.1f}."
    )
    if bend is not None:
        text += f" Beyond {bend.latency_ms:.1f} ms ({bend.metric:.1f}) more time buys least."
    return text
