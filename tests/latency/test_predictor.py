import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from latency.design import designed_plans, validation_plans
from latency.errors import PredictorError
from latency.features import FeatureMap
from latency.predictor import LatencyModel, fit
from latency.record import BlockSample, Device, Measurement
from models.plan import Plan
from tests.latency.published import MIDDLE, SPACE, fitted, session, setting, work

UNSEEN = validation_plans(SPACE, 500, 99)
BASE = np.array([0.05, 0.2, 0.2, 0.15, 0.1, 0.1, 0.1, *[0.01] * 6])
"""Coefficients of an invented device."""


def invented(plans: Sequence[Plan], noise: float = 0.0, seed: int = 0, device: str = "key") -> list[Measurement]:
    """Measurements of a device that is exactly linear, five blocks each."""
    rng = np.random.default_rng(seed)
    ratios = FeatureMap.of(SPACE, work)(plans) @ BASE
    return [
        Measurement(
            plan,
            setting(0),
            Device(device, "invented"),
            MIDDLE,
            tuple(
                BlockSample((10 * value,), value, float(i))
                for i, value in enumerate(ratio * np.exp(rng.normal(0, noise, 5) + rng.normal(0, noise)))
            ),
            reference_ms=10.0,
        )
        for plan, ratio in zip(plans, ratios.tolist(), strict=True)
    ]


def truth_ms(plans: Sequence[Plan]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 10.0 * FeatureMap.of(SPACE, work)(plans) @ BASE


def test_a_linear_device_is_recovered_exactly() -> None:
    model = fit(invented(designed_plans(SPACE, work)), SPACE, work)
    assert model.predict_ms(UNSEEN) == pytest.approx(truth_ms(UNSEEN), rel=1e-3)
    assert model.gates.passed


@pytest.mark.parametrize("seed", range(4))
def test_unseen_plans_are_predicted_within_half_a_percent(seed: int) -> None:
    model, device = fitted(seed)
    true = np.array([device.true_ms(plan) for plan in UNSEEN])
    assert np.abs(model.predict_ms(UNSEEN) / true - 1).mean() < 0.005


def test_bounds_hold_as_often_as_they_say() -> None:
    designed, held = designed_plans(SPACE, work), {0.2: list[float](), 0.05: list[float]()}
    for seed in range(12):
        model = fit(invented(designed, noise=0.01, seed=seed), SPACE, work)
        # a band is about the next measurement: it carries the scatter that the fit could not explain
        measured = np.array([one.median_ms for one in invented(UNSEEN, noise=0.01, seed=1000 + seed)])
        for alpha, found in held.items():
            found.append(float(np.mean(measured <= model.upper_ms(UNSEEN, alpha))))
    for alpha, found in held.items():
        assert np.mean(found) == pytest.approx(1 - alpha, abs=0.05)


def test_probability_and_bound_agree() -> None:
    model, _ = fitted(0)
    uppers = model.upper_ms(UNSEEN[:20], 0.05)
    for plan, upper in zip(UNSEEN[:20], uppers.tolist(), strict=True):
        assert model.probability_within([plan], upper)[0] == pytest.approx(0.95, abs=1e-3)
    assert (np.diff([model.probability_within(UNSEEN[:5], ms) for ms in (5, 10, 12, 14, 20)], axis=0) >= 0).all()


def test_less_work_is_never_predicted_slower_but_for_the_price_of_selecting() -> None:
    model, _ = fitted(1)
    sparser = [SPACE.plan({"stage0": ratio / 10}) for ratio in range(1, 9)]
    assert (np.diff(model.predict_ms(sparser)) <= 0).all()


def test_validation_plans_are_never_fitted() -> None:
    designed, judges = designed_plans(SPACE, work), validation_plans(SPACE, 10, 0)
    measured = invented(designed, noise=0.005)
    honest = fit(measured, SPACE, work, invented(judges))
    wild = [replace(one, reference_ms=10.0, blocks=(BlockSample((40.0,), 4.0, 0.0),)) for one in invented(judges)]
    misled = fit(measured, SPACE, work, wild)
    assert np.array_equal(honest.coefficients, misled.coefficients)
    assert not misled.gates.passed


def test_bends_that_work_does_not_explain_are_learned_per_value() -> None:
    def bent(plans: Sequence[Plan]) -> list[Measurement]:
        # one value of one knob hits a slow kernel
        slow = [1.04 if plan["stage1"] == 0.3 else 1.0 for plan in plans]
        return [
            replace(one, blocks=tuple(replace(block, ratio=block.ratio * by) for block in one.blocks))
            for one, by in zip(invented(plans, noise=0.001), slow, strict=True)
        ]

    plans = [*designed_plans(SPACE, work, factor=6), *validation_plans(SPACE, 20, 3)]
    model = fit(bent(dict.fromkeys(plans)), SPACE, work)
    plan, other = SPACE.plan({"stage1": 0.3}), SPACE.plan({"stage1": 0.4})
    assert model.features.level.any()
    plain = truth_ms([plan, other])
    assert model.predict_ms([plan])[0] / plain[0] > 1.025
    assert model.predict_ms([other])[0] / plain[1] < 1.01


def test_sessions_of_one_plan_count_once_with_their_joint_weight() -> None:
    designed = designed_plans(SPACE, work)
    twice = fit([*invented(designed, 0.01, seed=1), *invented(designed, 0.01, seed=2)], SPACE, work)
    assert twice.plans == len(designed)


def test_later_measurements_judge_the_model_again() -> None:
    model, device = fitted(0)
    report = model.inspect(session(device, validation_plans(SPACE, 12, 77), 0), budget_ms=14.0)
    assert report.plans == 12
    assert report.passed, str(report)
    with pytest.raises(PredictorError, match="cannot judge a model of"):
        model.inspect(invented(UNSEEN[:3]))


def test_unlike_devices_never_mix() -> None:
    designed = designed_plans(SPACE, work)
    mixed = [*invented(designed[:20]), *invented(designed[20:], device="another")]
    with pytest.raises(PredictorError, match="unlike devices, settings or references never mix"):
        fit(mixed, SPACE, work)


def test_too_few_plans_are_refused() -> None:
    with pytest.raises(PredictorError, match="12 distinct plans cannot determine 13 coefficients"):
        fit(invented(designed_plans(SPACE, work)[:12]), SPACE, work)
    with pytest.raises(PredictorError, match="no measurements"):
        fit([], SPACE, work)


def test_survives_json_without_a_backbone() -> None:
    model, _ = fitted(0)
    again = LatencyModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.device_key == model.device_key
    assert again.gates == model.gates
    assert np.array_equal(again.upper_ms(UNSEEN, 0.01), model.upper_ms(UNSEEN, 0.01))
    with pytest.raises(PredictorError, match="no readable latency model"):
        LatencyModel.from_dict({"features": {}})


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1])
def test_risks_must_be_probabilities(alpha: float) -> None:
    with pytest.raises(PredictorError, match="must lie between 0 and 1"):
        fitted(0)[0].upper_ms(UNSEEN[:1], alpha)


def test_no_plans_have_no_predictions() -> None:
    assert fitted(0)[0].predict_ms([]).shape == (0,)
