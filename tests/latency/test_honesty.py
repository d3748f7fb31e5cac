"""Is what a session says true? Thousands of measurements on devices whose truth is known."""

from functools import cache
from math import sqrt
from random import Random
from statistics import mean, median

import pytest

from latency.measure import measure_plans
from latency.naive import naive_ms
from latency.record import Measurement
from latency.simulated import SimulatedDevice
from latency.statistics import locate
from latency.stopping import PRECISE, QUICK, Stopping
from tests.latency.support import DEVICE, REFERENCE, SETTING, paper_work, random_plan

RULES = {"quick": QUICK, "precise": PRECISE, "few looks": Stopping(precision=0.005, least=5, most=13)}


@cache
def measured(rule: str, devices: int = 63, plans: int = 16) -> list[tuple[Measurement, float]]:
    """Measurements with the truth, on devices with all nuisances; each in a session up to 20 % off."""
    found = []
    for seed in range(devices):
        rng = Random(f"{rule} {seed}")
        device = SimulatedDevice(seed, paper_work, base_ms=20.0)
        some = [random_plan(rng) for _ in range(plans)]
        truth = device.true_ms(REFERENCE)
        records = measure_plans(device, some, SETTING, DEVICE, REFERENCE, rng, RULES[rule], reference_ms=truth)
        found += [(record, device.true_ms(record.plan)) for record in records]
    return found


@pytest.mark.parametrize("rule", RULES)
def test_intervals_of_a_thousand_plans_cover_95_percent(rule: str) -> None:
    found = measured(rule)
    assert len(found) >= 1000
    covered = mean(record.interval_ms[0] <= truth <= record.interval_ms[1] for record, truth in found)
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_upper_bounds_are_broken_no_more_often_than_they_say(rule: str, alpha: float) -> None:
    found = measured(rule)
    broken = mean(record.upper_ms(alpha) < truth for record, truth in found)
    assert broken <= alpha + 3 * sqrt(alpha / len(found))


def test_sessions_a_fifth_apart_leave_no_bias_where_the_published_protocol_has_one() -> None:
    ours, published = [], []
    for seed in range(12):
        rng = Random(seed)
        device = SimulatedDevice(seed, paper_work, base_ms=20.0)
        plan, reference_ms = random_plan(rng), device.true_ms(REFERENCE)
        record = measure_plans(device, [plan], SETTING, DEVICE, REFERENCE, rng, PRECISE, reference_ms=reference_ms)[0]
        ours.append(record.median_ms / device.true_ms(plan) - 1)
        published.append(naive_ms(device, plan) / device.true_ms(plan) - 1)
    assert abs(mean(ours)) <= 0.002
    assert median(map(abs, ours)) <= 0.005
    assert median(map(abs, published)) > 0.05


def test_a_reference_against_itself_raises_no_more_alarms_than_stated() -> None:
    alarms, sessions = 0, 600
    for seed in range(sessions):
        device = SimulatedDevice(seed, paper_work, base_ms=20.0)
        record = measure_plans(device, [REFERENCE], SETTING, DEVICE, REFERENCE, Random(seed))[0]
        where = locate([block.ratio for block in record.blocks])
        alarms += not where.low <= 1 <= where.high
    assert 0.03 <= alarms / sessions <= 0.07


def test_it_costs_a_tenth_of_what_fixed_counts_cost() -> None:
    device = SimulatedDevice(0, paper_work, base_ms=20.0)
    plans = list(dict.fromkeys(random_plan(Random(seed)) for seed in range(40)))
    measure_plans(device, plans, SETTING, DEVICE, REFERENCE, Random(0))
    ours, start = device.now(), device.now()
    naive_ms(device, plans[0])
    assert ours / len(plans) < (device.now() - start) / 7
