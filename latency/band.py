"""The error band of the latency model: how far standardised errors reach, learned from errors on plans left out.

Source: jackknife+ (Barber et al., arXiv 1905.02928) and conformal prediction with normalised scores (Lei et al., arXiv
1604.04173): the k-th smallest of n errors of plans that a fit did not see covers the next one with probability k/(n+1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import stdtrit

from latency.features import Floats

FINEST = 1e-6
"""Smallest probability outside the band that is resolved."""


@dataclass(frozen=True)
class Band:
    """Distribution of |error| / predicted standard deviation, symmetric in sign.

    Args:
        scores: ascending, at least one.
        degrees: degrees of freedom of Student's t, which extends the band past the largest score.
    """

    scores: tuple[float, ...]
    degrees: float

    @classmethod
    def of(cls, scores: Floats, degrees: float) -> "Band":
        """The band of a set of standardised errors, in any order and sign."""
        return cls(tuple(np.sort(np.abs(scores)).tolist()), max(2.0, degrees))

    @cached_property
    def _curve(self) -> tuple[Floats, Floats]:
        """Coverage, ascending from 0, and the reach that gives it."""
        n = len(self.scores)
        seen = np.arange(1, n + 1) / (n + 1)
        beyond = 1 - np.geomspace(1 - seen[-1], FINEST, 60)[1:]
        t = stdtrit(self.degrees, (1 + np.concatenate([seen[-1:], beyond])) / 2)
        # errors of nothing would make a band of nothing
        largest = max(self.scores[-1], 1e-9)
        reach = np.concatenate([[0.0], self.scores[:-1], [largest], largest * t[1:] / t[0]])
        return np.concatenate([[0.0], seen, beyond]), np.maximum.accumulate(reach)

    def reach(self, coverage: float) -> float:
        """Half-width, in predicted standard deviations, of the two-sided band with this coverage."""
        return float(np.interp(coverage, *self._curve))

    def quantile(self, probability: float) -> float:
        """Signed error, in predicted standard deviations, that the next one stays below with this probability."""
        return float(np.sign(probability - 0.5)) * self.reach(abs(2 * probability - 1))

    def probability(self, error: Floats) -> Floats:
        """P(next error <= error), the inverse of `quantile`."""
        coverage, reach = self._curve
        # equal reaches (tied scores) would make the inverse ambiguous
        covered = np.interp(np.abs(error), reach + 1e-12 * np.arange(len(reach)), coverage)
        return np.asarray((1 + np.sign(error) * covered) / 2, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"scores": list(self.scores), "degrees": self.degrees}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Band":
        """Read what `to_dict` wrote."""
        return cls(tuple(data["scores"]), data["degrees"])
