"""The answer in a sentence: what to take, how sure that is, and what it is compared with."""

from collections.abc import Iterable, Sequence

from api.schemas.front import Point
from models.plan import Plan
from search.budget import Budget


def best(points: Iterable[Point]) -> Point | None:
    """The point with the best metric among those that surely meet the budget; among equals the fastest."""
    meeting = [point for point in points if point.meets == "yes" and point.metric is not None]
    return max(meeting, key=lambda point: (point.metric or 0.0, -point.latency.ms), default=None)


def verdict(
    points: Sequence[Point],
    dense: Point | None,
    metric: str,
    budget: Budget,
    device: str | None,
    *,
    simulated: bool,
    final: bool,
) -> str:
    """What a front says about a budget.

    Args:
        points: judged against the budget.
        dense: what savings and costs are counted from.
        metric: what is maximised.
        budget: what the points were judged against.
        device: in words.
        simulated: whether the numbers are no statement about real hardware.
        final: whether the search has ended.
    """
    head = ("SIMULATED: " if simulated else "") + ("" if final else "So far: ")
    where = f" on {device}" if device else ""
    if not points:
        return f"{head}no plan has been evaluated{'' if final else ' yet'}."
    # an accepted answer comes before whatever is only forecast to be better
    chosen = next((point for point in points if point.chosen and point.meets == "yes"), None) or best(points)
    if chosen is None:
        near = min(points, key=lambda point: (point.meets == "no", abs(point.latency.ms - budget.max_ms)))
        how = "may meet" if near.meets == "borderline" else "is nearest to"
        return f"{head}no plan of the front is shown to meet {budget}{where}; {_point(near, metric)} {how} it."
    return f"{head}{_point(chosen, metric)} meets {budget}{where}{_against(chosen, dense, metric)}."


def _point(point: Point, metric: str) -> str:
    latency = point.latency
    interval = (
        "" if latency.low_ms is None or latency.high_ms is None else f", {latency.low_ms:.4g} to {latency.high_ms:.4g}"
    )
    how = "measured" if latency.measured else "predicted"
    value = "" if point.metric is None else f" has {metric} {point.metric:.2f}"
    return f"the plan {{{Plan.of(point.plan)}}}{value} at {latency.ms:.4g} ms ({how}{interval}) and"


def _against(point: Point, dense: Point | None, metric: str) -> str:
    if dense is None or dense.id == point.id:
        return "; it is the dense plan" if dense is not None else ""
    saved = 100 * (1 - point.latency.ms / dense.latency.ms)
    words = f"; dense takes {dense.latency.ms:.4g} ms, so this saves {saved:.0f} %"
    if dense.metric is None or point.metric is None:
        return words
    cost = dense.metric - point.metric
    return words + (f" and costs {cost:.2f} {metric}" if cost > 0 else f" and gains {-cost:.2f} {metric}")
