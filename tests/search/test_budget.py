import math

import pytest

from search.budget import Budget
from search.errors import BudgetError


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, -0.0, -1, "42", "42ms", None, True, [], {}])
def test_refuses_what_is_no_positive_finite_number(value: object) -> None:
    with pytest.raises(BudgetError, match=r"max_ms=.*must be a"):
        Budget(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("least", [42.0, 43.0])
def test_refuses_crossed_bounds(least: float) -> None:
    with pytest.raises(BudgetError, match=r"min_ms=4\d must be below max_ms=42"):
        Budget(42, least)


def test_refuses_an_unknown_statistic() -> None:
    with pytest.raises(BudgetError, match="choose one of median, p90, p95, p99"):
        Budget(42, statistic="mean")  # type: ignore[arg-type]


#   max_ms  min_ms   upper  lower   excess
TRUTH = [
    (40.0, None, 40.0, 38.0, 0.0),
    (40.0, None, 44.0, 38.0, 0.1),
    (40.0, None, 20.0, 18.0, -0.5),
    (40.0, 20.0, 30.0, 28.0, -0.25),
    (40.0, 20.0, 20.0, 15.0, 0.25),  # may be too fast
    (40.0, 20.0, 50.0, 10.0, 0.5),  # too wide on both sides: the worse one counts
]


@pytest.mark.parametrize(("most", "least", "upper", "lower", "excess"), TRUTH)
def test_excess_is_the_share_outside_the_window(
    most: float, least: float | None, upper: float, lower: float, excess: float
) -> None:
    assert Budget(most, least).excess(upper, lower) == pytest.approx(excess)


def test_survives_json() -> None:
    budget = Budget(42, 37.5, "p99")
    assert Budget.from_dict(budget.to_dict()) == budget


def test_says_what_it_is() -> None:
    assert str(Budget(42, 37)) == "37 to 42 ms (median)"
