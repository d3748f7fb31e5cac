"""When a plan has been measured enough: an object asked after every round, tested on invented ratios."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from latency.statistics import UNKNOWN, Location, Noise, locate
from latency.student import t_cdf

Reason: TypeAlias = Literal["precise", "decided", "limit"]


@dataclass(frozen=True, slots=True)
class Stopping:
    """Stop when the estimate is precise, when the decision about a budget is clear, or at a limit.

    ====================  ==============================================================  =========
    blocks so far         state                                                           answer
    ====================  ==============================================================  =========
    fewer than `least`    whatever                                                        go on
    `least` or more       95 % interval within +- `precision` of the median               "precise"
    `least` or more       chance to be wrong about the budget below `alpha` / looks        "decided"
    `most`, or `seconds`  whatever                                                        "limit"
    ====================  ==============================================================  =========

    Looking again and again finds a lucky moment sooner or later: `alpha` is therefore shared between all looks, and
    looking for precision only shortens what `least` blocks have already made sound.

    Args:
        precision: relative half-width of the 95 % interval; 0: never stop for it.
        least: blocks before the first look.
        most: blocks at which to stop anyway.
        seconds: device time spent on one plan at which to stop anyway.
        budget_ratio: budget as a multiple of the reference's latency; None: there is no decision to make.
        margin: relative distance that the bound must keep from the budget: the reference's own error, other sessions.
        alpha: accepted chance of a wrong decision.
    Raises:
        ValueError: the limits are crossed or not positive.
    """

    precision: float = 0.005
    least: int = 5
    most: int = 20
    seconds: float = 10.0
    budget_ratio: float | None = None
    margin: float = 0.01
    alpha: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most or self.seconds <= 0 or self.precision < 0 or not 0 < self.alpha < 1:
            raise ValueError(
                "need 1 <= least <= most, seconds > 0, precision >= 0 and 0 < alpha < 1; got "
                f"least={self.least}, most={self.most}, seconds={self.seconds}, precision={self.precision}, "
                f"alpha={self.alpha}"
            )

    def reason(self, ratios: Sequence[float], seconds: float, noise: Noise = UNKNOWN) -> Reason | None:
        """Why to stop now; None: go on.

        Args:
            ratios: block ratios so far.
            seconds: device time spent on the plan so far.
            noise: scatter of the other plans in the session.
        """
        if len(ratios) >= self.least:
            where = locate(ratios, noise)
            if max(where.high - where.centre, where.centre - where.low) <= self.precision * where.centre:
                return "precise"
            if self.budget_ratio is not None and self._decided(where):
                return "decided"
        return "limit" if len(ratios) >= self.most or (ratios and seconds >= self.seconds) else None

    def _decided(self, where: Location) -> bool:
        assert self.budget_ratio is not None
        distance = abs(self.budget_ratio / where.centre - 1) - self.margin
        if distance <= 0 or where.standard_error == 0:
            return distance > 0
        looks = self.most - self.least + 1
        return t_cdf(-distance * where.centre / where.standard_error, where.degrees) <= self.alpha / looks


QUICK = Stopping(precision=0.0, least=5, most=5)
"""For plans that a latency model is fitted to: a few blocks each, because many plans average the noise anyway."""

PRECISE = Stopping(precision=0.0025, least=12, most=20, seconds=20.0)
"""For finalists and references: never fewer blocks than the distribution-free interval needs."""
