"""Statistics of few numbers, against tables, simulation and plain cases."""

from itertools import pairwise
from math import inf, isclose, sqrt
from random import Random

import pytest
from scipy import stats

from latency.statistics import (
    Noise,
    between_sessions,
    combined_error,
    interpolate,
    locate,
    order_interval,
    scatter,
    theil_sen,
)
from latency.student import t_cdf, t_quantile


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 11, 12, 13, 16, 20])
def test_intervals_of_normal_samples_cover_what_they_say(n: int) -> None:
    rng, covered, trials = Random(n), 0, 3000
    for _ in range(trials):
        where = locate([rng.gauss(1, 0.02) for _ in range(n)])
        covered += where.low <= 1 <= where.high
    assert abs(covered / trials - 0.95) < 0.012


def test_intervals_need_no_normal_samples_from_twelve_on() -> None:
    rng, covered, trials = Random(0), 0, 3000
    for _ in range(trials):
        # half the blocks disturbed by a heavy tail on one side; the median of an exponential is log 2
        where = locate([rng.expovariate(1.0) for _ in range(14)])
        covered += where.low <= 0.6931 <= where.high
    assert abs(covered / trials - 0.95) < 0.015


def test_known_noise_makes_small_samples_sharper_and_stays_honest() -> None:
    rng, covered, trials, plain, helped = Random(1), 0, 3000, 0.0, 0.0
    for _ in range(trials):
        values = [rng.gauss(1, 0.02) for _ in range(5)]
        with_noise = locate(values, Noise(0.02, 10))
        covered += with_noise.low <= 1 <= with_noise.high
        helped += with_noise.high - with_noise.low
        plain += (alone := locate(values)).high - alone.low
    assert 0.93 < covered / trials < 0.97
    assert helped < 0.92 * plain


def test_order_interval_hits_tabulated_order_statistics() -> None:
    # n = 20: the 6th smallest and largest cover 95.86 % (binomial tables)
    exact = 1 - 2 * stats.binom.cdf(5, 20, 0.5)
    low, high = order_interval(range(1, 21), exact)
    assert isclose(low, 6) and isclose(high, 15)


def test_order_interval_grows_with_confidence_past_the_extremes() -> None:
    values = list(range(12))
    highs = [order_interval(values, c)[1] for c in (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)]
    assert highs == sorted(highs) and highs[-1] > 11
    assert all(a < b for a, b in pairwise(highs))


def test_thousands_of_values_are_no_problem() -> None:
    low, high = order_interval(range(2000), 0.95)
    # binomial sd of 22.4 places about the middle
    assert isclose(low, 999.5 - 1.96 * 22.36, abs_tol=1.0) and isclose(high, 999.5 + 1.96 * 22.36, abs_tol=1.0)


def test_one_value_knows_nothing() -> None:
    where = locate([3.0])
    assert (where.centre, where.low, where.high, where.standard_error) == (3.0, -inf, inf, inf)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [inf]])
def test_values_must_be_numbers(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        locate(values)


def test_confidence_must_be_a_share() -> None:
    with pytest.raises(ValueError, match="confidence=95"):
        locate([1.0, 2.0], confidence=95)


@pytest.mark.parametrize("degrees", [1.0, 2.5, 4.0, 19.0, 1000.0])
@pytest.mark.parametrize("probability", [0.0005, 0.025, 0.5, 0.9, 0.99])
def test_student_agrees_with_scipy(degrees: float, probability: float) -> None:
    quantile = t_quantile(probability, degrees)
    assert isclose(quantile, stats.t.ppf(probability, degrees), rel_tol=1e-8, abs_tol=1e-9)
    assert isclose(t_cdf(quantile, degrees), probability, rel_tol=1e-8)


def test_scatter_pools_groups_and_survives_a_wild_one() -> None:
    rng = Random(2)
    groups = [[level * rng.gauss(1, 0.01) for _ in range(5)] for level in (0.5, 1.0, 2.0) * 20]
    noise = scatter([*groups, [1.0, 9.0, 1.0], [1.0]])
    assert 0.0085 < noise.sd < 0.0115
    assert noise.degrees == 60 * 4 + 2
    assert scatter([[1.0], []]) == Noise()


def test_theil_sen_ignores_a_wild_point() -> None:
    assert isclose(theil_sen([0, 1, 2, 3, 4], [1.0, 1.5, 99.0, 2.5, 3.0]), 0.5)
    assert theil_sen([1.0], [2.0]) == 0.0
    assert theil_sen([1.0, 1.0], [2.0, 3.0]) == 0.0


@pytest.mark.parametrize(
    ("at", "value"), [(0.0, 10.0), (1.0, 10.0), (1.5, 15.0), (2.0, 20.0), (3.0, 18.0), (9.0, 16.0)]
)
def test_interpolates_between_neighbours_and_holds_the_ends(at: float, value: float) -> None:
    assert isclose(interpolate([1.0, 2.0, 4.0], [10.0, 20.0, 16.0], at), value)


def test_sessions_that_differ_more_than_their_errors_explain() -> None:
    assert between_sessions([10.0], [0.01]) == 0.0
    assert between_sessions([10.0, 10.1, 9.9], [0.02, 0.02, 0.02]) == 0.0
    assert isclose(between_sessions([9.0, 10.0, 11.0], [0.0, 0.0, 0.0]), 0.1)


def test_more_blocks_do_not_replace_more_sessions() -> None:
    assert isclose(combined_error(0.0, 0.02, 4), 0.01)
    assert isclose(combined_error(0.01, 0.02, 4), sqrt(2) * 0.01)
