import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from latency.decision import decide, exceedances_allowed, samples_needed
from latency.errors import MeasurementError
from latency.record import BlockSample, Device, Measurement
from models.plan import Plan
from tests.latency.support import record

# share of forwards within the budget, then samples for 0, 1, 2 over it at 95 % and at 99 % confidence
TABLE = [
    (0.50, (5, 8, 11), (7, 11, 14)),
    (0.90, (29, 46, 61), (44, 64, 81)),
    (0.95, (59, 93, 124), (90, 130, 165)),
    (0.99, (299, 473, 628), (459, 662, 838)),
]


@pytest.mark.parametrize(("share", "at_95", "at_99"), TABLE)
def test_samples_needed_are_those_of_early_stopping(
    share: float, at_95: tuple[int, ...], at_99: tuple[int, ...]
) -> None:
    assert tuple(samples_needed(share, 0.95, over) for over in range(3)) == at_95
    assert tuple(samples_needed(share, 0.99, over) for over in range(3)) == at_99


@pytest.mark.parametrize(("share", "at_95", "at_99"), TABLE)
def test_exceedances_allowed_is_its_inverse(share: float, at_95: tuple[int, ...], at_99: tuple[int, ...]) -> None:
    for over, samples in enumerate(at_99):
        assert exceedances_allowed(samples, share, 0.99) == over
        assert exceedances_allowed(samples - 1, share, 0.99) == over - 1


def sessions(ratios: list[list[float]], **fields: object) -> list[Measurement]:
    return [record(one, **fields) for one in ratios]


CALM = [[1.0, 1.001, 0.999, 1.0, 1.002], [1.001, 1.0, 1.0, 0.999, 1.0], [0.999, 1.0, 1.001, 1.0, 1.0]]


@pytest.mark.parametrize(("budget_ms", "meets"), [(10.2, True), (10.0, None), (9.8, False)])
def test_clear_budgets_are_decided_and_close_ones_are_borderline(budget_ms: float, meets: bool | None) -> None:
    decision = decide(sessions(CALM), budget_ms)
    assert decision.meets is meets
    assert decision.lower_ms < decision.estimate_ms < decision.upper_ms
    assert (decision.excess <= 0) is (meets is True)


def test_the_bound_and_the_probability_agree() -> None:
    at_the_bound = decide(sessions(CALM), decide(sessions(CALM), 10.0).upper_ms)
    assert at_the_bound.probability == pytest.approx(0.99)


def test_one_session_is_trusted_less_than_its_own_interval() -> None:
    one = record([1.0, 1.001, 0.999, 1.0, 1.0005])
    assert decide([one], 10.2).upper_ms > one.upper_ms(0.01)
    assert decide(sessions(CALM), 10.2).upper_ms < decide(sessions(CALM[:1]), 10.2).upper_ms


def test_sessions_that_disagree_widen_the_bound_more_than_blocks_can_narrow_it() -> None:
    apart = sessions([[0.97] * 2 + [0.971] * 18, [1.0] * 2 + [1.001] * 18, [1.03] * 2 + [1.031] * 18])
    decision = decide(apart, 10.4)
    assert decision.between_sd == pytest.approx(0.03, rel=0.05)
    assert decision.meets is None
    assert decide(sessions(CALM), 10.4).meets is True


def test_more_sessions_narrow_what_more_blocks_cannot() -> None:
    known = {"between_sd": 0.01}
    few = decide(sessions([[1.0, 1.001, 0.999] * 7], **known), 10.0)
    many = decide(sessions([[1.0, 1.001, 0.999] * 7] * 9, **known), 10.0)
    assert many.upper_ms / 10 - 1 < 0.4 * (few.upper_ms / 10 - 1)


def test_the_references_error_does_not_average_out() -> None:
    decision = decide(sessions(CALM * 10, reference_se=0.01), 10.0, alpha=0.01)
    assert decision.upper_ms / 10 - 1 > 2 * 0.01


def test_an_inflated_session_moves_the_bound() -> None:
    plain, inflated = decide(sessions(CALM), 10.0), decide(sessions(CALM, inflation=0.02), 10.0)
    assert inflated.upper_ms == pytest.approx(plain.upper_ms + 0.2, abs=0.01)


def test_wrong_yes_is_as_rare_as_alpha() -> None:
    rng, wrong, tries = Random(0), 0, 2000
    for _ in range(tries):
        # three sessions, 0.5 % apart, of a plan that truly takes just over the budget
        shifts = [rng.gauss(0, 0.005) for _ in range(3)]
        measured = sessions([[(1 + shift) * (1 + rng.gauss(0, 0.005)) for _ in range(8)] for shift in shifts])
        wrong += decide(measured, 9.999, alpha=0.05).meets is True
    assert wrong / tries < 0.065


def tail(times_ms: list[float]) -> list[Measurement]:
    block = BlockSample(tuple(times_ms), float(np.median(times_ms)) / 10, 0.0)
    return [replace(record([1.0]), blocks=(block,))]


def shuffled(n: int, over: int) -> list[float]:
    times_ms = [10.0 + 1e-3 * i / n for i in range(n - over)] + [20.0] * over
    Random(1).shuffle(times_ms)
    return times_ms


@pytest.mark.parametrize(
    ("n", "over", "meets"), [(44, 0, True), (43, 0, None), (64, 1, True), (63, 1, None), (100, 30, False), (0, 0, None)]
)
def test_tails_are_proved_by_counting(n: int, over: int, meets: bool | None) -> None:
    decision = decide(tail(shuffled(n, over) if n else [10.0]), 15.0, 0.01, "p90")
    assert decision.meets is meets
    assert (decision.probability >= 0.99) is (meets is True)


def test_a_tails_bound_is_the_smallest_budget_it_would_meet() -> None:
    measured = tail(shuffled(64, 1))
    upper = decide(measured, 15.0, 0.01, "p90").upper_ms
    assert decide(measured, upper, 0.01, "p90").meets is True
    assert decide(measured, upper - 1e-6, 0.01, "p90").meets is not True
    assert decide(tail([10.0]), 15.0, 0.01, "p99").to_dict()["upper_ms"] is None


@pytest.mark.parametrize(("n", "over", "meets"), [(90, 0, True), (89, 0, None), (130, 1, True), (200, 40, False)])
def test_one_forward_in_twenty(n: int, over: int, meets: bool | None) -> None:
    assert decide(tail(shuffled(n, over)), 15.0, 0.01, "p95").meets is meets


def test_forwards_that_hang_together_count_less() -> None:
    rng, times_ms, level = Random(3), list[float](), 0.0
    for _ in range(1000):
        level = 0.9 * level + rng.gauss(0, 0.1)
        times_ms.append(10 + level)
    decision = decide(tail(times_ms), 15.0, 0.01, "p90")
    assert 1000 / 30 < decision.samples < 1000 / 10


def test_flags_are_passed_on_and_all_survives_json() -> None:
    decision = decide(sessions(CALM, flags=("throttled",)), 10.2)
    assert decision.flags == ("throttled",)
    assert json.loads(json.dumps(decision.to_dict()))["meets"] is True


def test_one_decision_is_about_one_plan() -> None:
    with pytest.raises(MeasurementError, match="no measurement"):
        decide([], 10.0)
    with pytest.raises(MeasurementError, match="one plan in one setting on one device"):
        decide([*sessions(CALM), record([1.0], plan=Plan.of({"a": 0.5}))], 10.0)
    with pytest.raises(MeasurementError, match="one plan in one setting on one device"):
        decide([*sessions(CALM), record([1.0], device=Device("other", "other"))], 10.0)


@pytest.mark.parametrize("budget_ms", [0.0, -1.0, float("inf"), float("nan")])
def test_budgets_must_be_positive_and_finite(budget_ms: float) -> None:
    with pytest.raises(ValueError, match="budget_ms"):
        decide(sessions(CALM), budget_ms)
