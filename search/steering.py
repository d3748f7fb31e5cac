"""Steering: what the latency model says about plans, in the terms of one budget."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from latency.predictor import LatencyModel
from latency.record import Measurement
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
        self._ratios: list[float] = []
        self.reach = 1.0

    @property
    def correction(self) -> float:
        """Factor on the model's predictions: the geometric mean of measured over predicted; 1 before `learn`."""
        return geometric_mean(self._ratios) if self._ratios else 1.0

    def learn(self, measured: Iterable[Measurement], reach: float = 1.0) -> None:
        """Correct the forecasts by finalists that were measured.

        Whoever picks the best of many forecasts near a budget picks those that err in one direction, and that
        direction is what the finalists show. One factor is enough, since all of them lie at about one latency.

        Args:
            measured: the finalists.
            reach: what their upper bounds were of their estimates: a plan must be so much faster to be shown to pass.
        """
        self.reach = reach
        records = list(measured)
        predicted = self._model.predict_ms([record.plan for record in records])
        self._ratios += [record.median_ms / float(ms) for record, ms in zip(records, predicted, strict=True)]

    @property
    def _factor(self) -> float:
        return self._tail * self.correction

    def latency(self, plans: Sequence[Plan]) -> list[float]:
        """Predicted ms of the budget's statistic."""
        factor = self._factor
        return [float(factor * ms) for ms in self._model.predict_ms(plans)]

    def excess(self, plans: Sequence[Plan]) -> list[float]:
        """(conservative bound - budget) / budget; <= 0: probably feasible."""
        factor = self._factor * self.reach
        uppers = self._model.upper_ms(plans, RISK)
        middles = self._model.predict_ms(plans)
        return [
            float(self._budget.excess(factor * upper, factor * (2 * middle - upper)))
            for upper, middle in zip(uppers, middles, strict=True)
        ]

    def forecast(self, plans: Sequence[Plan]) -> list[Forecast]:
        """Predictions with their band."""
        if not plans:
            return []
        factor = self._factor
        middles, highs = self._model.predict_ms(plans), self._model.upper_ms(plans, 0.025)
        within = self._model.probability_within(plans, self._budget.max_ms / factor)
        return [
            Forecast(
                float(factor * ms),
                float(factor * max(0.0, 2 * ms - high)),
                float(factor * high),
                float(chance),
            )
            for ms, high, chance in zip(middles, highs, within, strict=True)
        ]
