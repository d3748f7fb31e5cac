"""When a plan has been measured enough: an object asked after every round, tested on invented ratios."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from latency.statistics import UNKNOWN, Location, Noise, locate
from latency.student import t_cdf

Reason: TypeAlias = Literal["precise", "decided", "limit"]

LOOK = 0.98
"""Confidence of the interval that must be precise for stopping early."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Stop when the estimate is precise, when the decision about a budget is clear, or at a limit.

    ====================  ==============================================================  =========
    blocks so far         state                                                           answer
    ====================  ==============================================================  =========
    no look is due        whatever                                                        go on
    a look                98 % interval within +- `precision` of the median               "precise"
    a look                chance to be wrong about the budget below `alpha` / looks        "decided"
    `most`, or `seconds`  whatever                                                        "limit"
    ====================  ==============================================================  =========

    Looking again and again finds a lucky moment sooner or later, and stopping there makes 95 % intervals cover less. So
    looks are few, `alpha` is shared between them, and precision is asked of a wider interval than the one reported.

    Args:
        precision: relative half-width; 0: never stop for it.
        least: blocks before the first look.
        most: blocks at which to stop anyway.
        every: blocks between looks.
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
    every: int = 4
    seconds: float = 10.0
    budget_ratio: float | None = None
    margin: float = 0.01
    alpha: float = 0.01

    def __post_init__(self) -> None:
        limits = 1 <= self.least <= self.most and self.every >= 1 and self.seconds > 0
        if not limits or self.precision < 0 or not 0 < self.alpha < 1:
            raise ValueError(
                f"need 1 <= least <= most, every and seconds > 0, precision >= 0, 0 < alpha < 1; got {self}"
            )

    def reason(self, ratios: Sequence[float], seconds: float, noise: Noise = UNKNOWN) -> Reason | None:
        """Why to stop now; None: go on.

        Args:
            ratios: block ratios so far.
            seconds: device time spent on the plan so far.
            noise: scatter of the other plans in the session.
        """
        if self._due(len(ratios)):
            where = locate(ratios, noise, LOOK)
            if max(where.high - where.centre, where.centre - where.low) <= self.precision * where.centre:
                return "precise"
            if self.budget_ratio is not None and self._decided(where):
                return "decided"
        return "limit" if len(ratios) >= self.most or (ratios and seconds >= self.seconds) else None

    def _due(self, blocks: int) -> bool:
        return blocks >= self.least and (blocks - self.least) % self.every == 0

    def _decided(self, where: Location) -> bool:
        assert self.budget_ratio is not None
        distance = abs(self.budget_ratio / where.centre - 1) - self.margin
        if distance <= 0 or where.standard_error == 0:
            return distance > 0
        looks = 1 + (self.most - self.least) // self.every
        return t_cdf(-distance * where.centre / where.standard_error, where.degrees) <= self.alpha / looks


QUICK = Stopping(precision=0.0, least=5, most=5)
"""For plans that a latency model is fitted to: a few blocks each, because many plans average the noise anyway."""

PRECISE = Stopping(precision=0.0025, least=12, most=20, seconds=20.0)
"""For finalists and references: never fewer blocks than the distribution-free interval needs."""
