"""The points of a search on the accuracy-latency plane, and its front for any budget."""

import math
from collections.abc import Iterable, Mapping, Sequence

from latency.record import Measurement
from models.plan import Plan
from search.budget import Budget
from search.dominance import front as non_dominated
from search.records import Evaluation, Point
from search.samplers.protocol import Result
from search.steering import Steering


def points(
    evaluations: Iterable[Evaluation],
    metric: str,
    steering: Steering,
    measured: Mapping[Plan, Measurement],
    budget: Budget,
) -> list[Point]:
    """One point per evaluated plan; a latency that was measured for the plan itself beats a predicted one."""
    found = {evaluation.plan: evaluation.metrics[metric] for evaluation in evaluations}
    predicted = dict(zip(found, steering.forecast(list(found)), strict=True))
    made = []
    for plan, value in found.items():
        measurement = measured.get(plan)
        # too few blocks for an interval leave the forecast the better knowledge
        if measurement is None or not math.isfinite(measurement.interval_ms[1]):
            forecast = predicted[plan]
            made.append(Point(plan, value, forecast.ms, forecast.low_ms, forecast.high_ms, forecast.within))
        else:
            low, high = measurement.interval_ms
            within = measurement.probability_within(budget.max_ms)
            made.append(Point(plan, value, measurement.median_ms, low, high, within, measured=True))
    return made


def front(candidates: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both metric and latency, whatever the budget, fastest first."""
    at = {one.plan: one for one in candidates}
    outcomes = [Result(one.plan, one.metric, one.latency_ms, excess=0.0) for one in candidates]
    return [at[outcome.plan] for outcome in non_dominated(outcomes)]


def ranking(candidates: Iterable[Point]) -> list[Point]:
    """Best metric first; among equals the fastest."""
    return sorted(candidates, key=lambda one: (-one.metric, one.latency_ms, sorted(one.plan.items())))
