"""Student's t distribution for real degrees of freedom, in plain Python: records must open where no SciPy is."""

import math
from functools import lru_cache
from itertools import count


def t_cdf(t: float, dof: float) -> float:
    """P(T <= t).

    Raises:
        ValueError: `dof` is not positive.
    """
    if not dof > 0:
        raise ValueError(f"degrees of freedom must be positive; got {dof}")
    if math.isinf(t):
        return float(t > 0)
    tail = 0.5 * _incomplete_beta(dof / 2, 0.5, dof / (dof + t * t))
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=4096)
def t_quantile(probability: float, dof: float) -> float:
    """The t with `t_cdf(t, dof) == probability`, 0 < probability < 1."""
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie between 0 and 1; got {probability}")
    if probability < 0.5:
        return -t_quantile(1 - probability, dof)
    low, high = 0.0, 1.0
    while t_cdf(high, dof) < probability:
        low, high = high, 2 * high
    while high - low > 1e-12 * (1 + high):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, dof) < probability else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function by its continued fraction (DLMF 8.17.22, evaluated by Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    tiny = 1e-300
    fraction, upper, lower = 1.0, 1.0, 0.0
    for term in count():
        m = term // 2
        if term == 0:
            coefficient = 1.0
        elif term % 2:
            coefficient = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            coefficient = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / ((1 + coefficient * lower) or tiny)
        upper = (1 + coefficient / upper) or tiny
        fraction *= lower * upper
        if abs(1 - lower * upper) < 1e-15 or term > 10_000:
            break
    return math.exp(log_front) * (fraction - 1) / a
