"""Statistics of a few noisy numbers: where their median lies and how sure that is, slopes, interpolation, sessions.

The numbers are ratios of one block to its neighbours, not samples of one forward: forwards inside a block are
correlated, and a thousand of them know no more about the next session than the block does.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, inf, isfinite, sqrt
from statistics import median, variance

from latency.student import t_quantile

FEW = 12
"""From this many values on, the interval of the median needs no assumption about their distribution."""

# Normal samples of n = 1..11: sd of the median times sqrt(n) / sigma ...
_MEDIAN_SE = (1.0, 1.0, 1.160, 1.092, 1.197, 1.135, 1.214, 1.160, 1.223, 1.177, 1.228)
# ... and |median| sqrt(n) / s at 95 %, as a multiple of Student's t(n-1), with s the sd about the median. The two
# differ because median and s go together in small samples; from 2,000,000 simulated samples per n.
_MEDIAN_T = (1.0, 1.0, 0.949, 0.998, 1.024, 1.038, 1.075, 1.067, 1.107, 1.094, 1.127)


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known about the scatter before looking at the values themselves.

    Args:
        sd: relative standard deviation of one block ratio, from the other plans of the session.
        degrees: how many degrees of freedom to credit it with; 0: nothing is known.
    """

    sd: float = 0.0
    degrees: float = 0.0


UNKNOWN = Noise()


@dataclass(frozen=True, slots=True)
class Location:
    """Where the median of a distribution lies.

    Args:
        centre: median of the values.
        low, high: interval of the median at the confidence that was asked for.
        standard_error: of `centre`, same unit.
        degrees: degrees of freedom of `standard_error`, for Student's t.
    """

    centre: float
    low: float
    high: float
    standard_error: float
    degrees: float


def locate(values: Sequence[float], noise: Noise = UNKNOWN, confidence: float = 0.95) -> Location:
    """The median and its interval.

    From `FEW` values on: interpolated order statistics, whatever the distribution. Below: Student's t on the scatter
    about the median, with constants that make it exact for normal samples; a single value has an infinite interval
    unless `noise` is known. (The usual 1.25 MAD / sqrt(n) covers only 87 % instead of 95 % at n = 5.)

    Args:
        values: at least one.
        noise: known scatter, pooled with that of the values (Smyth 2004, "moderated t", doi 10.2202/1544-6115.1027).
        confidence: two-sided.
    Raises:
        ValueError: no value, a value that is not finite, or a confidence outside (0, 1).
    """
    if not values or not all(map(isfinite, values)):
        raise ValueError(f"need at least one finite value; got {list(values)[:5]}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} must lie between 0 and 1; use 0.95 for 95 %")
    n, centre = len(values), median(values)
    if n >= FEW:
        low95, high95 = order_interval(values, 0.95)
        error = (high95 - low95) / 2 / t_quantile(0.975, n - 1)
        low, high = order_interval(values, confidence)
        return Location(centre, low, high, error, n - 1)
    degrees = n - 1 + noise.degrees
    if degrees == 0:
        return Location(centre, -inf, inf, inf, 1.0)
    squares = sum((value - centre) ** 2 for value in values) + noise.degrees * (noise.sd * centre) ** 2
    own = (n - 1) / degrees
    factor = own * _MEDIAN_T[n - 1] + (1 - own) * _MEDIAN_SE[n - 1]
    error = factor * sqrt(squares / degrees / n)
    half = t_quantile((1 + confidence) / 2, degrees) * error
    return Location(centre, centre - half, centre + half, error, degrees)


def order_interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """Distribution-free interval of the median: the k-th smallest and k-th largest value, interpolated between two k.

    When even (smallest, largest) is too narrow for the confidence, that pair is stretched about the median as Student's
    t would be.

    Source: Hettmansperger and Sheather, "Confidence intervals based on interpolated order statistics" (1986).
    """
    ordered, n = sorted(values), len(values)
    k = _depth(n, confidence)
    if k == 0:
        reach = t_quantile((1 + confidence) / 2, n - 1) / t_quantile((1 + _coverage(n, 1)) / 2, n - 1)
        middle = median(ordered)
        return middle - reach * (middle - ordered[0]), middle + reach * (ordered[-1] - middle)
    outer, inner = _coverage(n, k), _coverage(n, k + 1)
    share = (outer - confidence) / (outer - inner)
    weight = (n - k) * share / (k + (n - 2 * k) * share)
    low = (1 - weight) * ordered[k - 1] + weight * ordered[k]
    high = (1 - weight) * ordered[n - k] + weight * ordered[n - k - 1]
    return low, high


@lru_cache(maxsize=1024)
def _coverage(n: int, k: int) -> float:
    """Chance that the median lies between the k-th smallest and the k-th largest of n."""
    # whole numbers divide without overflow, however long they are
    return max(0.0, 1 - 2 * (sum(comb(n, i) for i in range(k)) / (1 << n)))


@lru_cache(maxsize=1024)
def _depth(n: int, confidence: float) -> int:
    """Largest k whose interval still covers; 0: none does."""
    return bisect_left(range(1, n // 2 + 1), True, key=lambda k: _coverage(n, k) < confidence)


def scatter(groups: Sequence[Sequence[float]]) -> Noise:
    """Relative scatter that many small groups share, insensitive to a few wild groups.

    Args:
        groups: block ratios, one group per plan; groups of fewer than two say nothing.
    """
    usable = [group for group in groups if len(group) > 1]
    if not usable:
        return UNKNOWN
    typical = median(variance(group) / median(group) ** 2 for group in usable)
    degrees = median(len(group) - 1 for group in usable)
    # the median of a chi-square lies below its mean (Wilson and Hilferty)
    return Noise(sqrt(typical / (1 - 2 / (9 * degrees)) ** 3), float(sum(len(group) - 1 for group in usable)))


def theil_sen(times: Sequence[float], values: Sequence[float]) -> float:
    """Median of the slopes between all pairs; 0 for fewer than two distinct times."""
    pairs = combinations(zip(times, values, strict=True), 2)
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairs if x1 != x0]
    return median(slopes) if slopes else 0.0


def interpolate(times: Sequence[float], values: Sequence[float], at: float) -> float:
    """Value at one time: linear between the two neighbours in time, the nearest one outside.

    Args:
        times: ascending, at least one.
        values: one per time.
    """
    after = bisect_left(times, at)
    if after == 0 or after == len(times):
        return values[0 if after == 0 else -1]
    left, right = times[after - 1], times[after]
    share = (at - left) / (right - left)
    return (1 - share) * values[after - 1] + share * values[after]


def between_sessions(estimates: Sequence[float], errors: Sequence[float]) -> float:
    """Relative standard deviation from session to session, beyond what the errors inside each session explain.

    Args:
        estimates: one per session; fewer than two say nothing (0).
        errors: relative standard error inside each session.
    """
    if len(estimates) < 2:
        return 0.0
    centre = sum(estimates) / len(estimates)
    within = sum(error**2 for error in errors) / len(errors)
    return sqrt(max(0.0, variance(estimates) / centre**2 - within))


def combined_error(within: float, between: float, sessions: int) -> float:
    """Standard error of a mean over sessions: more blocks shrink only `within`, more sessions both.

    Source: Kalibera and Jones, "Rigorous benchmarking in reasonable time" (ISMM 2013).

    Args:
        within: standard error that all sessions' blocks together leave.
        between: standard deviation from session to session.
        sessions: how many there were.
    """
    return sqrt(between**2 / sessions + within**2)
