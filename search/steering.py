"""Steering: what the latency model says about plans, in the terms of one budget."""

from collections.abc import Sequence
from dataclasses import dataclass

from latency.predictor import LatencyModel
from models.plan import Plan
from search.budget import Budget

RISK = 0.1
"""Risk at which the model's bounds steer; finalists are measured, so it need not be as small as the job's alpha."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A predicted latency.

    Args:
        ms: point prediction of the budget's statistic.
        low_ms: lower end of the 95 % band.
        high_ms: upper end.
        within: P(latency <= max_ms).
    """

    ms: float
    low_ms: float
    high_ms: float
    within: float


class Steering:
    """A latency model and a budget.

    Args:
        model: predicts median latencies.
        budget: what plans must meet.
        tail: ratio of the budget's statistic to the median on this device (1 for medians).
    """

    def __init__(self, model: LatencyModel, budget: Budget, tail: float = 1.0) -> None:
        self._model = model
        self._budget = budget
        self._tail = tail

    def latency(self, plans: Sequence[Plan]) -> list[float]:
        """Predicted ms of the budget's statistic."""
        return [float(self._tail * ms) for ms in self._model.predict_ms(plans)]

    def excess(self, plans: Sequence[Plan]) -> list[float]:
        """(conservative bound - budget) / budget; <= 0: probably feasible."""
        uppers = self._model.upper_ms(plans, RISK)
        middles = self._model.predict_ms(plans)
        return [
            float(self._budget.excess(self._tail * upper, self._tail * (2 * middle - upper)))
            for upper, middle in zip(uppers, middles, strict=True)
        ]

    def forecast(self, plans: Sequence[Plan]) -> list[Forecast]:
        """Predictions with their band."""
        if not plans:
            return []
        middles, highs = self._model.predict_ms(plans), self._model.upper_ms(plans, 0.025)
        within = self._model.probability_within(plans, self._budget.max_ms / self._tail)
        return [
            Forecast(
                float(self._tail * ms),
                float(self._tail * max(0.0, 2 * ms - high)),
                float(self._tail * high),
                float(chance),
            )
            for ms, high, chance in zip(middles, highs, within, strict=True)
        ]
