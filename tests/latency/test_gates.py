import json

import numpy as np
import pytest

from latency.design import designed_plans, validation_plans
from latency.features import Floats
from latency.gates import (
    CPU,
    GPU,
    GateReport,
    additivity_quads,
    coverage_is_plausible,
    inspect,
    interacting,
    kendall_tau,
)
from latency.predictor import fit
from tests.latency.published import SPACE, fitted, session, simulated, work

MEASURED = np.linspace(10, 30, 20)


def inspected(predicted: Floats, covered: int = 18, error: float = 0.001, budget_ms: float | None = None) -> GateReport:
    return inspect(predicted, MEASURED, np.full(20, error), [i < covered for i in range(20)], GPU, budget_ms)


def alternating(size: float) -> Floats:
    return MEASURED * (1 + size * np.where(np.arange(20) % 2, 1, -1))


def test_good_predictions_pass_every_gate() -> None:
    report = inspected(alternating(0.005), budget_ms=20.0)
    assert report.passed
    assert {gate.name for gate in report.gates} == {"mape", "p95", "tau", "tau_near_budget", "bias", "coverage"}


@pytest.mark.parametrize(
    ("predicted", "covered", "failure"),
    [
        (alternating(0.015), 18, "mape"),
        (MEASURED * np.where(np.arange(20) < 18, 1.0, 1.08), 18, "p95"),
        (MEASURED * 1.008, 18, "bias"),
        (MEASURED[::-1], 18, "tau"),
        (MEASURED, 12, "coverage"),
    ],
)
def test_each_gate_trips_on_its_own_fault(predicted: Floats, covered: int, failure: str) -> None:
    report = inspected(predicted, covered)
    assert failure in report.failures
    assert f"FAIL  {report[failure].text}" in str(report).splitlines()


def test_cpu_limits_are_wider() -> None:
    report = inspect(alternating(0.025), MEASURED, np.full(20, 0.001), [True] * 20, CPU)
    assert "mape" not in report.failures
    assert "mape" in inspected(alternating(0.025)).failures


def test_ranks_near_the_budget_are_judged_apart() -> None:
    measured = np.array([5.0, 10.0, 30.0, 40.0, *np.linspace(18.5, 21.5, 8)])
    predicted = np.concatenate([measured[:4], measured[4:][::-1]])
    report = inspect(predicted, measured, np.full(12, 1e-3), [True] * 12, GPU, budget_ms=20.0)
    assert "tau_near_budget" in report.failures
    assert inspected(MEASURED, budget_ms=100.0)["tau_near_budget"].passed is None


def test_pairs_that_the_measurement_cannot_order_do_not_count() -> None:
    close = np.array([10.0, 10.01, 20.0])
    assert kendall_tau(close[[1, 0, 2]], close, np.full(3, 0.01)) == (1.0, 2)
    assert kendall_tau(close[[1, 0, 2]], close, np.full(3, 1e-6)) == (pytest.approx(1 / 3), 3)


@pytest.mark.parametrize(
    ("hits", "n", "plausible"),
    [
        (10, 10, True),
        (9, 10, True),
        (7, 10, True),
        (5, 10, False),
        (90, 100, True),
        (70, 100, False),
        (100, 100, False),
    ],
)
def test_coverage_is_judged_with_the_chance_of_its_sample(hits: int, n: int, plausible: bool) -> None:
    assert coverage_is_plausible(hits, n, 0.9, 0.05) is plausible


def test_reports_survive_json() -> None:
    report = inspected(alternating(0.015))
    assert GateReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


@pytest.mark.parametrize("seed", range(4))
def test_additive_devices_pass(seed: int) -> None:
    model, _ = fitted(seed)
    assert model.gates.passed, str(model.gates)
    assert model.gates.plans == 10


@pytest.mark.parametrize("seed", range(4))
def test_an_injected_interaction_trips_the_gates(seed: int) -> None:
    model, _ = fitted(seed, pairwise=0.15)
    assert not model.gates.passed
    assert "mape" in model.gates.failures


def test_quads_turn_pairs_that_no_order_ties() -> None:
    quads = additivity_quads(SPACE, pairs=6, seed=1)
    assert len(quads) == 6
    for quad in quads:
        assert all(SPACE.contains(plan) for plan in quad.plans)
        assert len(set(quad.plans)) == 4
        assert not {quad.first, quad.second} <= {"stage2_1", "stage2_2", "stage2_3"}
    assert quads == additivity_quads(SPACE, pairs=6, seed=1)


@pytest.mark.parametrize(("pairwise", "expected"), [(0.0, set()), (0.15, {("stage0", "stage3")})])
def test_the_additivity_test_names_the_pair(pairwise: float, expected: set[tuple[str, str]]) -> None:
    device = simulated(7, pairwise)
    quads = additivity_quads(SPACE, pairs=100)
    plans = list(dict.fromkeys(plan for quad in quads for plan in quad.plans))
    measured = session(device, plans, 7)
    ratio = {one.plan: one.ratio for one in measured}
    error = {one.plan: one.ratio * one.standard_error for one in measured}
    assert {(first, second) for first, second, _ in interacting(quads, ratio, error)} == expected


def test_the_pair_found_repairs_the_model() -> None:
    plain, device = fitted(2, pairwise=0.15)
    designed, judges = designed_plans(SPACE, work, 2, factor=3.0), validation_plans(SPACE, 10, 2)
    measured = session(device, [*designed, *judges], 2)
    count = len(designed)
    repaired = fit(measured[:count], SPACE, work, measured[count:], pairs=[("stage0", "stage3")])
    assert (repaired.gates["mape"].value or 1) < 0.5 * (plain.gates["mape"].value or 0)
