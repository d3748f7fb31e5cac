"""The decision: does a plan meet a budget, over all sessions that measured it, with a stated risk of being wrong?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, inf, isfinite, sqrt
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.special import bdtr

from latency.errors import MeasurementError
from latency.record import Measurement
from latency.statistics import between_sessions
from latency.student import t_cdf, t_quantile

Statistic: TypeAlias = Literal["median", "p90", "p95", "p99"]
SHARE = {"p90": 0.90, "p95": 0.95, "p99": 0.99}

BETWEEN_SD = 0.003
"""Scatter of a ratio from session to session that is expected where none is known, relative."""

BETWEEN_DEGREES = 4.0
"""Degrees of freedom that the expectation is credited with."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer about one plan and one budget.

    Args:
        meets: True: with confidence 1 - alpha. False: it surely does not. None: borderline, measure more or leave it.
        probability: P(statistic <= budget_ms).
        statistic: what must be within the budget: the typical latency, or a percentile of single forwards.
        budget_ms: the budget.
        alpha: accepted risk of a wrong True.
        estimate_ms: of the statistic.
        lower_ms, upper_ms: one-sided bounds, each wrong with probability alpha; infinite where samples are too few.
        sessions: how many there were.
        samples: forwards behind it; for percentiles those left after thinning to nearly independent ones.
        between_sd: relative standard deviation from session to session beyond the scatter inside them.
        flags: of the measurements.
    """

    meets: bool | None
    probability: float
    statistic: Statistic
    budget_ms: float
    alpha: float
    estimate_ms: float
    lower_ms: float
    upper_ms: float
    sessions: int
    samples: int
    between_sd: float = 0.0
    flags: tuple[str, ...] = ()

    @property
    def excess(self) -> float:
        """(upper bound - budget) / budget: the constraint value for optimisers, at most 0 when the budget is met."""
        return (self.upper_ms - self.budget_ms) / self.budget_ms

    def to_dict(self) -> dict[str, Any]:
        """JSON values; an infinite bound becomes None."""
        return {
            name: (None if isinstance(value, float) and not isfinite(value) else value)
            for name, value in {**asdict(self), "flags": list(self.flags)}.items()
        }


def decide(
    measurements: Sequence[Measurement], budget_ms: float, alpha: float = 0.01, statistic: Statistic = "median"
) -> Decision:
    """Decide about one plan from the measurements of one or more sessions.

    When the best of several candidates is wanted, divide `alpha` by their number.

    Args:
        measurements: of one plan, one per session.
        budget_ms: the budget.
        alpha: accepted risk of a wrong yes.
        statistic: "median", or a percentile of single forwards.
    Raises:
        MeasurementError: no measurement, or measurements of several plans, settings or devices.
        ValueError: a budget that is not positive, or an alpha outside (0, 0.5).
    """
    if not measurements:
        raise MeasurementError("no measurement to decide about; measure the plan first")
    if len({(one.plan, one.setting, one.device.key) for one in measurements}) > 1:
        raise MeasurementError("a decision is about one plan in one setting on one device; got several")
    if not 0 < budget_ms < inf:
        raise ValueError(f"budget_ms={budget_ms} must be positive and finite")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha={alpha} must lie between 0 and 0.5; use 0.01 for 1 %")
    if statistic == "median":
        return _typical(measurements, budget_ms, alpha)
    return _tail(measurements, budget_ms, alpha, statistic)


def exceedances_allowed(samples: int, share: float, confidence: float) -> int:
    """Most samples over budget, of `samples`, that still prove "at least `share` are within it"; -1: too few samples.

    Source: early stopping of MLPerf LoadGen: the binomial chance of so few at the true share must be <= 1 - confidence.
    """
    allowed = -1
    while bdtr(allowed + 1, samples, 1 - share) <= 1 - confidence:
        allowed += 1
    return allowed


def samples_needed(share: float, confidence: float, exceedances: int = 0) -> int:
    """Fewest samples that prove "at least `share` are within the budget" with this many over it.

    ====  ======================  ======================
    ..    95 %: 0 / 1 / 2 over    99 %: 0 / 1 / 2 over
    ====  ======================  ======================
    p50   5 / 8 / 11              7 / 11 / 14
    p90   29 / 46 / 61            44 / 64 / 81
    p95   59 / 93 / 124           90 / 130 / 165
    p99   299 / 473 / 628         459 / 662 / 838
    ====  ======================  ======================
    """
    samples = exceedances + 1
    while bdtr(exceedances, samples, 1 - share) > 1 - confidence:
        samples += 1
    return samples


def _typical(measurements: Sequence[Measurement], budget_ms: float, alpha: float) -> Decision:
    """One-sided t bound with the variance between sessions.

    Ratios average over sessions; the error of the reference's latency is common to all and does not.
    """
    estimate = float(np.mean([one.median_ms for one in measurements]))
    scatter = _scatter(measurements)
    error = sqrt(scatter.variance / len(measurements) + max(one.reference_se for one in measurements) ** 2)
    widening = float(np.mean([one.inflation for one in measurements]))
    margin = budget_ms / estimate - 1
    if isfinite(error):
        reach = t_quantile(1 - alpha, scatter.degrees) * error + widening
        probability = t_cdf((margin - widening) / error, scatter.degrees)
    else:
        reach, probability = inf, 0.5
    upper, lower = estimate * (1 + reach), max(0.0, estimate * (1 - reach))
    meets = True if upper <= budget_ms else False if lower > budget_ms else None
    return Decision(
        meets,
        probability,
        "median",
        budget_ms,
        alpha,
        estimate,
        lower,
        upper,
        len(measurements),
        sum(one.samples for one in measurements),
        scatter.between,
        _flags(measurements),
    )


@dataclass(frozen=True, slots=True)
class _Scatter:
    """Of session estimates: relative variance of one, its degrees of freedom, and the sd between sessions."""

    variance: float
    degrees: float
    between: float


def _scatter(measurements: Sequence[Measurement]) -> _Scatter:
    """What sessions show, pooled with what was expected of them (Smyth 2004, "moderated t").

    Two or three sessions alone would need t with one or two degrees of freedom; that they agree by chance is likely.
    The larger the scatter they show, the less the expectation counts.
    """
    centres = [one.median_ms for one in measurements]
    inside = [one.location.standard_error / one.ratio for one in measurements]
    expected_between = max(one.between_sd for one in measurements) or BETWEEN_SD
    expected = float(np.mean(np.square(inside))) + expected_between**2
    if len(measurements) == 1 or not isfinite(expected):
        return _Scatter(expected, BETWEEN_DEGREES, expected_between)
    shown, own = float(np.var(centres, ddof=1)) / float(np.mean(centres)) ** 2, len(measurements) - 1
    pooled = (BETWEEN_DEGREES * expected + own * shown) / (BETWEEN_DEGREES + own)
    credit = BETWEEN_DEGREES * min(1.0, expected / max(shown, 1e-30)) ** 2
    return _Scatter(max(pooled, shown), own + credit, between_sessions(centres, inside))


def _tail(measurements: Sequence[Measurement], budget_ms: float, alpha: float, statistic: Statistic) -> Decision:
    """Distribution-free bounds: counts over budget among nearly independent samples."""
    share = SHARE[statistic]
    samples = np.sort(np.concatenate([_thinned(one) for one in measurements]))
    n = len(samples)
    over = int(np.sum(samples > budget_ms))
    allowed = exceedances_allowed(n, share, 1 - alpha)
    upper = float(samples[n - 1 - allowed]) if allowed >= 0 else inf
    # fewest exceedances that disprove it: as many or more have a chance of at most alpha
    disproof = next((k for k in range(n + 1) if 1 - bdtr(k - 1, n, 1 - share) <= alpha), n + 1) if n else n + 1
    lower = float(samples[n - disproof]) if disproof <= n else 0.0
    probability = 1 - float(bdtr(over, n, 1 - share))
    meets = True if over <= allowed else False if over >= disproof else None
    return Decision(
        meets,
        probability,
        statistic,
        budget_ms,
        alpha,
        float(np.quantile(samples, share)),
        lower,
        upper,
        len(measurements),
        n,
        0.0,
        _flags(measurements),
    )


def _thinned(measurement: Measurement) -> list[float]:
    """Every so many-th forward, nearly independent of each other: the autocorrelation time of an AR(1) process."""
    samples = np.array(measurement.samples_ms)
    deviation = samples - np.median(samples)
    power = float(deviation @ deviation)
    correlation = float(deviation[1:] @ deviation[:-1]) / power if power > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.99)
    step = ceil((1 + correlation) / (1 - correlation) - 0.5)
    return [float(sample) for sample in samples[:: max(1, step)]]


def _flags(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flag for one in measurements for flag in one.flags))
