import numpy as np
import pytest

from latency.features import Floats
from latency.regression import Regression, regress

TRUE = np.array([1.0, 2.0, 0.5])
FREE = np.array([False, False, True])


def observed(n: int, noise: float, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.random((n, 2))])
    return x, x @ TRUE * np.exp(rng.normal(0, noise, n))


def fitted(x: Floats, y: Floats, error: float = 1e-3) -> Regression:
    return regress(x, y, np.full(len(y), error), np.full(x.shape[1], 10.0), FREE)


def test_recovers_exact_coefficients() -> None:
    assert fitted(*observed(20, 0.0)).coefficients == pytest.approx(TRUE, abs=1e-3)


def test_a_wild_observation_hardly_pulls() -> None:
    x, y = observed(30, 0.002)
    y[4] *= 1.5
    assert fitted(x, y).coefficients == pytest.approx(TRUE, rel=0.02)


def test_slopes_are_never_negative_but_free_coefficients_may_be() -> None:
    x = np.column_stack([np.ones(20), np.linspace(0, 1, 20), np.tile([0.0, 1.0], 10)])
    falling = fitted(x, x @ [3.0, -1.0, -0.5])
    assert falling.coefficients[1] == 0
    assert falling.coefficients[2] < 0


def test_misfit_is_what_the_observations_errors_do_not_explain() -> None:
    x, y = observed(150, 0.02)
    assert fitted(x, y, error=1e-3).misfit == pytest.approx(0.02, rel=0.2)
    assert fitted(x, y, error=0.02).misfit < 0.01


def test_left_out_predictions_never_saw_their_observation() -> None:
    x, y = observed(12, 0.01)
    before = fitted(x, y)
    y[3] *= 1.02
    after = fitted(x, y)
    # weights move a little with the scale; the prediction itself does not follow its own observation
    assert abs(after.left_out[3] / before.left_out[3] - 1) < 0.005


def test_standard_deviations_are_those_of_repeated_experiments() -> None:
    point = np.array([1.0, 0.5, 0.5])
    fits = [fitted(*observed(40, 0.02, seed), error=0.02) for seed in range(80)]
    scatter = np.std([point @ fit.coefficients for fit in fits])
    stated = np.mean([np.sqrt(point @ fit.covariance @ point) for fit in fits])
    assert stated == pytest.approx(scatter, rel=0.25)
