"""The latency model: what a plan will take on one device in one setting, with an error band that can be trusted.

A small linear model of the ratio to the reference: what each knob leaves to compute, and the price of selecting. With
drift measured away, a dozen coefficients from three dozen plans predict better than networks fitted to thousands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latency.band import Band
from latency.errors import PredictorError
from latency.features import FeatureMap, Floats, WorkOf
from latency.gates import CPU, GPU, NOMINAL, GateReport, Limits, inspect
from latency.record import Device, Measurement
from latency.regression import Regression, regress
from latency.setting import Setting
from models.plan import Plan, Value
from models.space import Space

PRIOR_SD = {"intercept": 3.0, "macs": 3.0, "sparse": 0.2, "pair": 0.3}
"""How far from 0 a coefficient may lie, in units of the reference's latency."""

LEVEL_SDS = (0.004, 0.015)
"""What single values of knobs may add, tried in turn; used only where it predicts left-out plans clearly better."""

CHUNK = 20_000
"""Plans whose features are held at once."""

SMALL = 1000
"""Plans of a space that are quickly gone through."""


@dataclass(frozen=True)
class LatencyModel:
    """A fitted model. Made by `fit`.

    Args:
        features: of plans.
        coefficients, covariance: of the features, in units of the reference's latency.
        misfit: relative standard deviation of what the features cannot explain.
        band: of standardised errors.
        setting, device, reference: what every measurement behind it shares.
        reference_ms: latency of the reference plan.
        reference_se: its relative standard error.
        plans: distinct plans it was fitted to.
        gates: what it showed on plans it was not fitted to.
    """

    features: FeatureMap
    coefficients: Floats
    covariance: Floats
    misfit: float
    band: Band
    setting: Setting
    device: Device
    reference: Plan
    reference_ms: float
    reference_se: float
    plans: int
    gates: GateReport

    @property
    def device_key(self) -> str:
        """Hash of the device and setting the model holds for."""
        return self.device.key

    def predict_ms(self, plans: Sequence[Mapping[str, Value]]) -> Floats:
        """Median latency in ms, one per plan.

        Raises:
            PredictorError: a plan is not of this space.
        """
        return self._mean_and_sd(plans)[0]

    def upper_ms(self, plans: Sequence[Mapping[str, Value]], alpha: float) -> Floats:
        """Bound in ms that each plan's latency exceeds with probability `alpha`.

        Raises:
            PredictorError: `alpha` lies outside (0, 1), or a plan is not of this space.
        """
        if not 0 < alpha < 1:
            raise PredictorError(f"alpha={alpha} must lie between 0 and 1; use 0.05 for 5 %")
        mean, sd = self._mean_and_sd(plans)
        return np.maximum(0.0, mean * (1 + self.band.quantile(1 - alpha) * sd))

    def probability_within(self, plans: Sequence[Mapping[str, Value]], budget_ms: float) -> Floats:
        """P(latency <= budget_ms), one per plan; at least 1 - alpha exactly when `upper_ms(alpha)` is within it."""
        mean, sd = self._mean_and_sd(plans)
        return self.band.probability((budget_ms / mean - 1) / sd)

    def inspect(self, measurements: Sequence[Measurement], budget_ms: float | None = None) -> GateReport:
        """The gates on plans that were measured later.

        Args:
            budget_ms: adds the gate on ranks near the budget.
        Raises:
            PredictorError: no measurement, or one of another device, setting or reference.
        """
        seen = _observe(measurements)
        if (seen.setting, seen.device.key, seen.reference) != (self.setting, self.device.key, self.reference):
            raise PredictorError(
                f"measurements of {seen.setting} on {seen.device.name} cannot judge a model of {self.setting} on "
                f"{self.device.name}"
            )
        mean, sd = self._mean_and_sd(seen.plans)
        return _inspected(mean / self.reference_ms, sd, seen, self.band, budget_ms)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` needs no backbone."""
        return {
            "features": self.features.to_dict(),
            "coefficients": self.coefficients.tolist(),
            "covariance": self.covariance.tolist(),
            "misfit": self.misfit,
            "band": self.band.to_dict(),
            "setting": self.setting.to_dict(),
            "device": self.device.to_dict(),
            "reference": dict(self.reference),
            "reference_ms": self.reference_ms,
            "reference_se": self.reference_se,
            "plans": self.plans,
            "gates": self.gates.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LatencyModel":
        """Read what `to_dict` wrote.

        Raises:
            PredictorError: a field is missing or malformed.
        """
        try:
            return cls(
                FeatureMap.from_dict(data["features"]),
                np.array(data["coefficients"], dtype=np.float64),
                np.array(data["covariance"], dtype=np.float64),
                float(data["misfit"]),
                Band.from_dict(data["band"]),
                Setting.from_dict(data["setting"]),
                Device.from_dict(data["device"]),
                Plan.of(data["reference"]),
                float(data["reference_ms"]),
                float(data["reference_se"]),
                int(data["plans"]),
                GateReport.from_dict(data["gates"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PredictorError(f"no readable latency model: {type(error).__name__}: {error}") from None

    def _mean_and_sd(self, plans: Sequence[Mapping[str, Value]]) -> tuple[Floats, Floats]:
        """Prediction in ms and its relative standard deviation."""
        indices = self.features.indices(plans)
        mean, variance = np.empty(len(indices)), np.empty(len(indices))
        for start in range(0, len(indices), CHUNK):
            part = slice(start, start + CHUNK)
            x = self.features.matrix(indices[part])
            mean[part] = np.maximum(x @ self.coefficients, 1e-6)
            variance[part] = np.einsum("ij,ij->i", x @ self.covariance, x) / mean[part] ** 2
        sd = np.sqrt(variance + self.misfit**2 + self.reference_se**2)
        return mean * self.reference_ms, sd


def fit(
    measurements: Sequence[Measurement],
    space: Space,
    work: WorkOf,
    validation: Sequence[Measurement] = (),
    pairs: Sequence[tuple[str, str]] = (),
    budget_ms: float | None = None,
) -> LatencyModel:
    """Fit a latency model.

    Weighted ridge on relative errors, slopes not negative, Huber weights; tables per knob value are added only when
    they predict left-out plans better by more than one standard error. The band comes from left-out errors (jackknife+)
    and from `validation`.

    Args:
        measurements: of `design.designed_plans`, from any number of sessions with one reference.
        space, work: of the backbone.
        validation: plans to judge the model with, never fitted; without any, left-out plans judge it.
        pairs: knobs that `gates.interacting` found.
        budget_ms: adds the gate on ranks near the budget.
    Raises:
        PredictorError: too few plans, or measurements of several devices, settings or references.
    """
    features = FeatureMap.of(space, work, pairs)
    seen = _observe(measurements)
    judges = _observe([*validation]) if validation else None
    if judges and (judges.setting, judges.device.key, judges.reference) != (
        seen.setting,
        seen.device.key,
        seen.reference,
    ):
        raise PredictorError(
            f"validation was measured with {judges.setting} on {judges.device.name}, the rest otherwise"
        )
    if len(seen.plans) < len(features.names) and not _all_of(space, seen.plans):
        raise PredictorError(
            f"{len(seen.plans)} distinct plans cannot determine {len(features.names)} coefficients; measure "
            f"latency.design.designed_plans"
        )
    features, done = _best(features, seen)
    misfit = max(done.misfit, 1e-4)
    left_out_sd = np.hypot(done.left_out_sd, misfit)
    scores = (seen.ratio / done.left_out - 1) / np.hypot(left_out_sd, seen.error)
    degrees = len(seen.plans) - float(np.sum(~features.level))
    if judges is None:
        band = Band.of(scores, degrees)
        report = _inspected(done.left_out, left_out_sd, seen, band, budget_ms)
    else:
        x = features(judges.plans)
        mean = np.maximum(x @ done.coefficients, 1e-6)
        sd = np.sqrt(np.einsum("ij,jk,ik->i", x, done.covariance, x) / mean**2 + misfit**2)
        report = _inspected(mean, sd, judges, Band.of(scores, degrees), budget_ms)
        band = Band.of(np.append(scores, (judges.ratio / mean - 1) / np.hypot(sd, judges.error)), degrees)
    return LatencyModel(
        features,
        done.coefficients,
        done.covariance,
        misfit,
        band,
        seen.setting,
        seen.device,
        seen.reference,
        seen.reference_ms,
        seen.reference_se,
        len(seen.plans),
        report,
    )


def _all_of(space: Space, plans: Sequence[Plan]) -> bool:
    """Whether a small space has no further plan to measure; its forecasts then need no more than the ridge gives."""
    return len(space) <= SMALL and {*map(space.canonical, space)} <= {*map(space.canonical, plans)}


@dataclass(frozen=True)
class _Observed:
    """Measurements of distinct plans, sessions pooled; ratios to the reference and their relative standard errors."""

    plans: tuple[Plan, ...]
    ratio: Floats
    error: Floats
    setting: Setting
    device: Device
    reference: Plan
    reference_ms: float
    reference_se: float


def _observe(measurements: Sequence[Measurement]) -> _Observed:
    if not measurements:
        raise PredictorError("no measurements; measure latency.design.designed_plans")
    first = measurements[0]
    pooled: dict[Plan, list[tuple[float, float]]] = {}
    for one in measurements:
        if (one.setting, one.device.key, one.reference) != (first.setting, first.device.key, first.reference):
            raise PredictorError(
                f"latencies of unlike devices, settings or references never mix: {first.setting} on "
                f"{first.device.name} against {{{first.reference}}}, and {one.setting} on "
                f"{one.device.name} against {{{one.reference}}}"
            )
        error = np.hypot(one.location.standard_error / one.ratio, one.between_sd) + one.inflation
        # one block of unknown scatter has an infinite error: worth little, but not nothing
        pooled.setdefault(one.plan, []).append((one.ratio, min(max(float(error), 1e-5), 0.2)))
    ratio, error = [], []
    for sessions in pooled.values():
        weights = np.array([se**-2.0 for _, se in sessions])
        ratio.append(float(np.average([value for value, _ in sessions], weights=weights)))
        error.append(float(weights.sum() ** -0.5))
    return _Observed(
        tuple(pooled),
        np.array(ratio),
        np.array(error),
        first.setting,
        first.device,
        first.reference,
        float(np.median([one.reference_ms for one in measurements])),
        max(one.reference_se for one in measurements),
    )


def _best(features: FeatureMap, seen: _Observed) -> tuple[FeatureMap, Regression]:
    """The plain model, or one with levels when that predicts left-out plans better by more than one standard error."""

    def attempt(columns: FeatureMap, level_sd: float) -> tuple[FeatureMap, Regression, Floats]:
        kinds = ["intercept", *(column.kind for column in columns.columns)]
        prior = np.array([PRIOR_SD.get(kind, level_sd) for kind in kinds])
        done = regress(columns(seen.plans), seen.ratio, seen.error, prior, columns.free)
        return columns, done, np.abs(seen.ratio / done.left_out - 1)

    best = attempt(features, 0.0)
    levels = features.with_levels()
    for level_sd in LEVEL_SDS:
        other = attempt(levels, level_sd)
        gain = best[2] - other[2]
        if gain.mean() > gain.std(ddof=1) / len(gain) ** 0.5:
            best = other
    return best[0], best[1]


def _inspected(mean: Floats, sd: Floats, seen: _Observed, band: Band, budget_ms: float | None) -> GateReport:
    limits: Limits = CPU if seen.setting.kind == "cpu" else GPU
    covered = np.abs(seen.ratio / mean - 1) <= band.reach(NOMINAL) * np.hypot(sd, seen.error)
    scale = seen.reference_ms
    return inspect(mean * scale, seen.ratio * scale, seen.error, covered.tolist(), limits, budget_ms)
