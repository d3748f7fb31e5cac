"""Truth tables and properties of constrained dominance."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.plan import Plan
from search.dominance import dominates, front, hypervolume, knee, merit
from search.errors import SearchError
from search.samplers import Result


def outcome(metric: float | None, latency_ms: float, excess: float = -0.1) -> Result:
    return Result(Plan(), metric, latency_ms, excess)


GOOD, FAST = outcome(42.0, 40.0), outcome(41.0, 30.0)
OVER, FAR_OVER = outcome(43.0, 50.0, 0.1), outcome(44.0, 20.0, 0.3)

TABLE = [
    # first, second, first dominates, second dominates
    (GOOD, FAST, False, False),  # each better in one
    (GOOD, GOOD, False, False),  # all equal
    (GOOD, outcome(42.0, 41.0), True, False),  # same accuracy, faster
    (GOOD, outcome(41.9, 40.0), True, False),  # same latency, more accurate
    (GOOD, outcome(41.9, 41.0), True, False),  # better in both
    (GOOD, OVER, True, False),  # feasible beats infeasible, however accurate
    (OVER, FAR_OVER, True, False),  # of two infeasible the nearer wins, whatever its objectives
    (OVER, outcome(1.0, 99.0, 0.1), False, False),  # equally far over: neither
    (outcome(42.0, 40.0, 0.0), OVER, True, False),  # exactly on the budget is feasible
    (outcome(None, 40.0), outcome(1.0, 40.0), False, True),  # never evaluated is worse than any number
    (outcome(None, 30.0), outcome(1.0, 40.0), False, False),  # but it may be faster
    (outcome(None, 40.0), OVER, True, False),
    (outcome(1.0, 40.0, math.inf), OVER, False, True),
]


@pytest.mark.parametrize(("first", "second", "forward", "backward"), TABLE)
def test_dominance(first: Result, second: Result, forward: bool, backward: bool) -> None:
    assert dominates(first, second) is forward
    assert dominates(second, first) is backward


@pytest.mark.parametrize("broken", [outcome(math.nan, 1.0), outcome(1.0, math.nan), outcome(1.0, 1.0, math.nan)])
def test_nan_has_no_rank(broken: Result) -> None:
    with pytest.raises(SearchError, match="is NaN, which has no rank"):
        dominates(broken, GOOD)
    with pytest.raises(SearchError, match="is NaN, which has no rank"):
        front([GOOD, broken])


def test_merit_puts_the_most_accurate_feasible_plan_first_and_the_farthest_over_last() -> None:
    dropped = outcome(None, 10.0)
    assert sorted([FAR_OVER, dropped, OVER, FAST, GOOD], key=merit) == [GOOD, FAST, dropped, OVER, FAR_OVER]


def test_front_is_fastest_first_without_the_dominated_the_infeasible_and_the_unevaluated() -> None:
    dominated, dropped = outcome(40.9, 31.0), outcome(None, 1.0)
    assert front([GOOD, dominated, OVER, FAST, dropped]) == [FAST, GOOD]


def test_front_of_nothing_one_and_equals() -> None:
    twin = outcome(42.0, 40.0)
    assert front([]) == []
    assert front([OVER]) == []
    assert front([GOOD]) == [GOOD]
    assert front([GOOD, twin]) == [GOOD, twin]


outcomes = st.builds(
    outcome,
    st.none() | st.integers(0, 6).map(float),
    st.integers(1, 7).map(float),
    st.sampled_from([-0.5, 0.0, 0.1, 0.2]),
)


@given(st.lists(outcomes, max_size=12))
def test_front_is_what_no_evaluated_feasible_outcome_dominates(many: list[Result]) -> None:
    candidates = [one for one in many if one.metric is not None and one.excess <= 0]
    slow = [one for one in candidates if not any(dominates(other, one) for other in candidates)]
    assert sorted(map(repr, front(many))) == sorted(map(repr, slow))


@given(outcomes, outcomes, outcomes)
def test_dominance_is_a_strict_order(a: Result, b: Result, c: Result) -> None:
    assert not dominates(a, a)
    assert not (dominates(a, b) and dominates(b, a))
    if dominates(a, b) and dominates(b, c):
        assert dominates(a, c)


@given(st.lists(outcomes, max_size=12), outcomes)
def test_hypervolume_is_the_dominated_area_and_never_shrinks(many: list[Result], more: Result) -> None:
    # unit squares with their upper right corner (accuracy) and lower left corner (latency) inside the front's shadow
    squares = sum(
        any(one.metric >= top and one.latency_ms <= left for one in front(many) if one.metric is not None)
        for top in range(2, 7)
        for left in range(1, 6)
    )
    area = hypervolume(many, metric_floor=1.0, latency_ceiling_ms=6.0)
    assert area == squares
    assert hypervolume([*many, more], metric_floor=1.0, latency_ceiling_ms=6.0) >= area


def test_knee_is_where_more_latency_stops_paying() -> None:
    points = [outcome(30.0, 10.0), outcome(40.0, 12.0), outcome(40.5, 20.0), outcome(41.0, 30.0)]
    assert knee(points) is points[1]


@pytest.mark.parametrize(
    "points",
    [
        [GOOD],
        [FAST, GOOD],
        [outcome(1.0, 1.0), outcome(2.0, 2.0), outcome(3.0, 3.0)],
        [outcome(1.0, 1.0), outcome(1.1, 2.0), outcome(3.0, 3.0)],
        [GOOD, GOOD],
    ],
    ids=["one", "two", "straight", "hollow", "equals"],
)
def test_a_front_without_a_bulge_has_its_most_accurate_point_as_knee(points: list[Result]) -> None:
    assert knee(points) is points[-1]


def test_an_empty_front_has_no_knee() -> None:
    with pytest.raises(SearchError, match="an empty front has no knee"):
        knee([])
