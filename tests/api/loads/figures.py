"""What a load measured: figures with their bars."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number.

    Args:
        load: such as "L1".
        name: what it is a number of.
        value: as measured.
        unit: of value and bar.
        bar: what is promised on a quiet machine of two cores.
        at_least: whether more is better.
        exact: whether the bar holds on a busy machine too: counts, no times.
    """

    load: str
    name: str
    value: float
    unit: str
    bar: float
    at_least: bool = False
    exact: bool = False

    def held(self, slack: float = 1.0) -> bool:
        """Whether the bar is held, by a machine that may be `slack` times slower than a quiet one."""
        slack = 1.0 if self.exact else slack
        return self.value >= self.bar / slack if self.at_least else self.value <= self.bar * slack

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "ok" if self.held() else "MISS"
        return f"{self.load:3} {self.name:46} {self.value:10.1f} {sign} {self.bar:8g} {self.unit:6} {verdict}"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least a share of all do not exceed; NaN: there is none."""
    found = sorted(values)
    return found[max(0, math.ceil(share * len(found)) - 1)] if found else math.nan


def missed(figures: Sequence[Figure], slack: float) -> list[str]:
    """The figures that are not held, in words."""
    return [str(one) for one in figures if not one.held(slack)]
