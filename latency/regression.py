"""Robust ridge regression on relative errors, with slopes that cannot be negative: the arithmetic of the latency model.

Letters: n observations, p features, F features over the predicted value, one row per observation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import nnls

from latency.features import Floats

HUBER = 1.345
"""Standardised residual beyond which an observation pulls linearly: 95 % efficiency for normal errors."""

SMALLEST_SD = 5e-4
"""No observation is trusted to more than 0.05 %."""

ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Regression:
    """A fit.

    Args:
        coefficients: (p,).
        covariance: of the coefficients, (p, p), without the restriction on signs.
        misfit: relative standard deviation that the observations' own errors do not explain.
        left_out: prediction of each observation by the fit without it, (n,).
        left_out_sd: relative standard deviation of `left_out`, (n,).
    """

    coefficients: Floats
    covariance: Floats
    misfit: float
    left_out: Floats
    left_out_sd: Floats


def regress(x: Floats, y: Floats, error: Floats, prior_sd: Floats, free: NDArray[np.bool_]) -> Regression:
    """Fit y = x b, weighing relative errors.

    Weights are 1 / (error^2 + misfit^2), divided by the predicted value squared, and reduced for outliers (Huber 1964).

    Args:
        x: features, (n, p).
        y: positive observations, (n,).
        error: relative standard error of each, (n,).
        prior_sd: how far from 0 each coefficient may be expected, (p,).
        free: coefficients that may be negative, (p,).
    """
    predicted, misfit, doubt = y.copy(), 0.01, np.ones(len(y))
    for _ in range(ROUNDS):
        scaled, target = x / predicted[:, None], y / predicted
        sd = np.maximum(np.sqrt(error**2 + misfit**2), SMALLEST_SD)
        coefficients = _solve(scaled, target, sd * doubt, prior_sd, free)
        # a wild early fit must not turn the scale negative
        predicted = np.clip(x @ coefficients, y / 2, y * 2)
        residual = y / predicted - 1
        spread = _spread(residual, _degrees(scaled, sd * doubt, prior_sd))
        misfit = float(np.sqrt(max(0.0, spread**2 - float(np.median(error**2)))))
        sd = np.maximum(np.sqrt(error**2 + misfit**2), SMALLEST_SD)
        doubt = np.sqrt(np.maximum(1.0, np.abs(residual) / sd / HUBER))
    scaled, target, sd = x / predicted[:, None], y / predicted, sd * doubt
    coefficients = _solve(scaled, target, sd, prior_sd, free)
    covariance = _covariance(scaled, sd, prior_sd)
    everyone = np.arange(len(y))
    left_out = np.array(
        [
            x[i] @ _solve(scaled[everyone != i], target[everyone != i], sd[everyone != i], prior_sd, free)
            for i in everyone
        ]
    )
    # Sherman-Morrison: variance at an observation when it is taken out
    own = np.einsum("ij,jk,ik->i", scaled, covariance, scaled)
    left_out_sd = np.sqrt(own / np.maximum(1 - own / sd**2, 0.05))
    return Regression(coefficients, covariance, misfit, left_out, left_out_sd)


def _solve(f: Floats, target: Floats, sd: Floats, prior_sd: Floats, free: NDArray[np.bool_]) -> Floats:
    """Ridge with bounds. The free coefficients are integrated out first, which leaves few that need bounds."""
    loose = f[:, free] * prior_sd[free]
    factor, lower = cho_factor(np.diag(sd**2) + loose @ loose.T, lower=True)
    bound = f[:, ~free]
    whitened = solve_triangular(factor, np.column_stack([bound, target]), lower=lower)
    rows = np.vstack([whitened[:, :-1], np.diag(1 / prior_sd[~free])])
    slopes, _ = nnls(rows, np.concatenate([whitened[:, -1], np.zeros(bound.shape[1])]))
    coefficients = np.empty(len(free))
    coefficients[~free] = slopes
    rest = cho_solve((factor, lower), target - bound @ slopes)
    coefficients[free] = prior_sd[free] * (loose.T @ rest)
    return coefficients


def _covariance(f: Floats, sd: Floats, prior_sd: Floats) -> Floats:
    rows = f / sd[:, None]
    return np.asarray(np.linalg.inv(rows.T @ rows + np.diag(prior_sd**-2.0)), dtype=np.float64)


def _degrees(f: Floats, sd: Floats, prior_sd: Floats) -> float:
    """Effective number of coefficients: the trace of the hat matrix."""
    rows = f / sd[:, None]
    return float(np.einsum("ij,jk,ik->", rows, _covariance(f, sd, prior_sd), rows))


def _spread(residual: Floats, degrees: float) -> float:
    """Standard deviation of the residuals, from their median size, allowing for the coefficients that were fitted."""
    n = len(residual)
    return float(1.4826 * np.median(np.abs(residual)) * np.sqrt(n / max(1.0, n - degrees)))
