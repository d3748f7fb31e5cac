"""The budget: how many milliseconds a plan may take, and of which statistic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from search.errors import BudgetError

Statistic: TypeAlias = Literal["median", "p90", "p95", "p99"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)


@dataclass(frozen=True, slots=True)
class Budget:
    """A window of latency in ms.

    Args:
        max_ms: a plan must not take longer.
        min_ms: a plan shall not be faster either (the published search's lower bound); None: no lower bound.
        statistic: what the bounds are on: the median, or the 90th, 95th or 99th percentile of single
            forwards.
    Raises:
        BudgetError: a bound is no positive finite number, or min_ms is not below max_ms.
    """

    max_ms: float
    min_ms: float | None = None
    statistic: Statistic = "median"

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_ms", _milliseconds("max_ms", self.max_ms))
        if self.min_ms is not None:
            object.__setattr__(self, "min_ms", _milliseconds("min_ms", self.min_ms))
            if self.min_ms >= self.max_ms:
                raise BudgetError(f"min_ms={self.min_ms:g} must be below max_ms={self.max_ms:g}")
        if self.statistic not in STATISTICS:
            raise BudgetError(f"statistic={self.statistic!r} is unknown; choose one of {', '.join(STATISTICS)}")

    def excess(self, upper_ms: float, lower_ms: float) -> float:
        """How far outside the budget, as a share of it; <= 0 means inside.

        Args:
            upper_ms: conservative bound from above, compared with max_ms.
            lower_ms: conservative bound from below, compared with min_ms.
        """
        over = (upper_ms - self.max_ms) / self.max_ms
        if self.min_ms is None:
            return over
        return max(over, (self.min_ms - lower_ms) / self.min_ms)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal budget."""
        return {"max_ms": self.max_ms, "min_ms": self.min_ms, "statistic": self.statistic}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Budget":
        """Read what `to_dict` wrote."""
        return cls(data["max_ms"], data.get("min_ms"), data.get("statistic", "median"))

    def __str__(self) -> str:
        lower = "" if self.min_ms is None else f"{self.min_ms:g} to "
        return f"{lower}{self.max_ms:g} ms ({self.statistic})"


def _milliseconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BudgetError(f"{name}={value!r} must be a number of milliseconds, such as 42 or 7.5")
    if not math.isfinite(value) or value <= 0:
        raise BudgetError(f"{name}={value} must be a positive, finite number of milliseconds")
    return float(value)
