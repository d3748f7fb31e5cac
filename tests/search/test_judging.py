import pytest

from latency.record import Measurement
from search.budget import Budget
from search.feasibility import compare_ends
from search.judging import judge
from tests.search.support import SPACE, measurement

SURE = 0.001
"""Block scatter so small that a few percent of distance decide."""


def sessions(ms: float, spread: float = SURE) -> list[Measurement]:
    return [measurement(SPACE.dense, ms, spread), measurement(SPACE.dense, ms, spread)]


#    ms   min   max   meets
TRUTH = [
    (20.0, None, 30.0, True),
    (40.0, None, 30.0, False),
    (30.0, None, 30.0, None),  # on the edge: nobody can tell
    (27.0, 25.0, 30.0, True),
    (20.0, 25.0, 30.0, False),
    (40.0, 25.0, 30.0, False),
    (25.0, 25.0, 30.0, None),
]


@pytest.mark.parametrize(("ms", "least", "most", "meets"), TRUTH)
def test_both_bounds_must_be_kept_surely(ms: float, least: float | None, most: float, meets: bool | None) -> None:
    assert judge(sessions(ms), Budget(most, least), 0.01).meets is meets


def test_noise_makes_a_clear_answer_unclear() -> None:
    assert judge(sessions(29.5, SURE), Budget(30.0), 0.01).meets is True
    assert judge(sessions(29.5, 0.1), Budget(30.0), 0.01).meets is None


def test_a_smaller_risk_is_harder_to_satisfy() -> None:
    bounds = [judge(sessions(29.0, 0.02), Budget(30.0), alpha).upper_ms for alpha in (0.1, 0.01, 0.001)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[1] < bounds[2]


def test_the_probability_of_a_window_is_what_lies_between_its_bounds() -> None:
    wide, window = Budget(30.0), Budget(30.0, 29.0)
    one = sessions(29.0, 0.05)
    assert judge(one, wide, 0.01).probability > judge(one, window, 0.01).probability > 0.3


#   floor  dense  min    max    dense fits   infeasible   nearest
ENDS = [
    (10.0, 40.0, None, 30.0, False, None, "floor"),
    (10.0, 40.0, None, 50.0, True, None, "floor"),
    (10.0, 40.0, None, 5.0, False, "cannot be met", "floor"),
    (10.0, 40.0, None, 10.0, False, None, "floor"),  # not sure: the search goes on
    (10.0, 40.0, 45.0, 60.0, False, "no plan is as slow", "dense"),
    (10.0, 40.0, 20.0, 30.0, False, None, "floor"),
    (10.0, 40.0, 30.0, 50.0, True, None, "floor"),
]


@pytest.mark.parametrize(("floor", "dense", "least", "most", "fits", "reason", "nearest"), ENDS)
def test_what_two_measurements_say_about_a_budget(
    floor: float, dense: float, least: float | None, most: float, fits: bool, reason: str | None, nearest: str
) -> None:
    records = {"floor": measurement(SPACE.sparsest, floor, SURE), "dense": measurement(SPACE.dense, dense, SURE)}
    ends = compare_ends(records["floor"], records["dense"], Budget(most, least), 0.01)
    assert ends.dense_fits is fits
    assert (ends.infeasible is None) == (reason is None)
    assert ends.infeasible is None or (reason or "") in ends.infeasible
    assert ends.nearest == records[nearest].plan
