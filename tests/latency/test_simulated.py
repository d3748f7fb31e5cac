"""The simulated device: a truth that has the shape of the real thing, and nuisances that can be switched one by one."""

import random
from dataclasses import replace
from itertools import pairwise
from math import isclose
from statistics import mean, median, pstdev

import pytest

from latency.flags import CONTENDED, LAUNCH_BOUND, THROTTLED
from latency.simulated import QUIET, Nuisance, SimulatedDevice
from models.plan import Plan
from models.sparsevit_geometry import Geometry
from tests.latency.support import DENSE, REFERENCE, paper_work, random_plan

SILENT = replace(QUIET, noise=0.0, warmup=0.0)


def test_equal_seeds_and_calls_give_equal_times() -> None:
    def times(seed: int) -> list[tuple[float, ...]]:
        device = SimulatedDevice(seed, paper_work)
        return [device.time_block(plan, 5).event_ms for plan in (REFERENCE, DENSE, REFERENCE)]

    assert times(3) == times(3) != times(4)


def test_without_nuisance_it_tells_the_truth() -> None:
    device = SimulatedDevice(0, paper_work, base_ms=20.0, nuisance=SILENT)
    assert device.true_ms(DENSE) == 20.0
    block = device.time_block(REFERENCE, 4)
    assert block.event_ms == (device.true_ms(REFERENCE),) * 4
    assert isclose(device.now(), sum(block.event_ms) / 1e3) and isclose(block.seconds, device.now())


def test_selection_has_a_price_of_its_own() -> None:
    device = SimulatedDevice(0, paper_work, gather=0.2)
    nearly_dense = Plan.of({**DENSE, "d": 0.1})
    assert device.true_ms(nearly_dense) > device.true_ms(DENSE)
    assert device.true_ms(REFERENCE) < device.true_ms(DENSE)


def test_cost_has_steps() -> None:
    device = SimulatedDevice(0, lambda plan: paper_work(Plan.of({**DENSE, **plan})))
    costs = [device.true_ms(Plan.of({"a": ratio / 160})) for ratio in range(1, 100)]
    drops = [before - after for before, after in pairwise(costs)]
    assert max(drops) > 1.5 * median(drops) > 0


def test_a_pair_term_is_more_than_the_sum_of_its_parts() -> None:
    def interaction(pairwise: float) -> float:
        device = SimulatedDevice(0, paper_work, base_ms=20.0, pairwise=pairwise)
        first, last, both = ({"a": 0.8}, {"d": 0.8}, {"a": 0.8, "d": 0.8})
        cost = [device.true_ms(Plan.of({**DENSE, **some})) for some in (both, first, last, {})]
        return cost[0] - cost[1] - cost[2] + cost[3]

    assert isclose(interaction(0.0), 0.0, abs_tol=1e-9)
    assert interaction(0.1) > 0.9


def test_no_forward_is_faster_than_its_launch() -> None:
    device = SimulatedDevice(0, paper_work, base_ms=20.0, nuisance=SILENT, launch_floor_ms=15.0)
    assert device.time_block(REFERENCE, 2).flags == (LAUNCH_BOUND,)
    assert device.true_ms(REFERENCE) == 15.0
    assert device.time_block(DENSE, 2).flags == ()


def test_the_first_forwards_are_slow() -> None:
    device = SimulatedDevice(0, paper_work, nuisance=replace(SILENT, warmup=0.3))
    times = device.time_block(REFERENCE, 10).event_ms
    assert times[0] > 1.25 * times[-1] and list(times) == sorted(times, reverse=True)


def test_noise_is_correlated_and_its_median_is_the_truth() -> None:
    device = SimulatedDevice(0, paper_work, nuisance=replace(SILENT, noise=0.02, correlation=0.6))
    ratios = [time / device.true_ms(DENSE) for time in device.time_block(DENSE, 20_000).event_ms]
    assert abs(median(ratios) - 1) < 0.001 and abs(pstdev(ratios) - 0.02) < 0.001
    products = [(a - 1) * (b - 1) for a, b in pairwise(ratios)]
    assert abs(mean(products) / 0.02**2 - 0.6) < 0.05


def test_sessions_differ_by_up_to_a_fifth_each_way() -> None:
    device = SimulatedDevice(0, paper_work, nuisance=replace(SILENT, session=0.2))
    factors = []
    for _ in range(100):
        device.new_session()
        factors.append(device.time_block(DENSE, 1).event_ms[0] / device.true_ms(DENSE))
    assert 0.8 <= min(factors) < 0.85 and 1.15 < max(factors) <= 1.2


def test_heat_slows_down_and_rest_cools() -> None:
    device = SimulatedDevice(0, paper_work, nuisance=replace(SILENT, drift=0.05, drift_s=10.0))
    cold = device.time_block(DENSE, 1).event_ms[0]
    device.time_block(DENSE, 2000)
    warm = device.time_block(DENSE, 1).event_ms[0]
    device.rest(60.0)
    assert 1.03 < warm / cold < 1.05
    assert device.time_block(DENSE, 1).event_ms[0] < 1.001 * cold


@pytest.mark.parametrize(
    ("nuisance", "flag", "share"),
    [
        (replace(SILENT, burst=0.2, burst_every_s=3.0, burst_s=1.0), CONTENDED, (0.15, 0.35)),
        (replace(SILENT, throttle=0.3, throttle_every_s=3.0, throttle_s=1.0), THROTTLED, (0.15, 0.35)),
        (replace(SILENT, throttle=0.3, throttled=True), THROTTLED, (1.0, 1.0)),
    ],
)
def test_disturbed_blocks_are_slow_and_say_so(nuisance: Nuisance, flag: str, share: tuple[float, float]) -> None:
    device = SimulatedDevice(0, paper_work, nuisance=nuisance)
    blocks = [device.time_block(DENSE, 5) for _ in range(2000)]
    slow = [block for block in blocks if block.event_ms[0] > 1.000001 * device.true_ms(DENSE)]
    assert share[0] <= len(slow) / len(blocks) <= share[1]
    assert all(block.flags == (flag,) for block in slow)


def test_clock_changes_are_small_and_many() -> None:
    device = SimulatedDevice(0, paper_work, nuisance=replace(SILENT, step=0.03, step_every_s=2.0))
    levels = {device.time_block(DENSE, 5).event_ms[0] / device.true_ms(DENSE) for _ in range(1000)}
    assert 25 < len(levels) < 100
    assert 0.97 <= min(levels) < 1 < max(levels) <= 1.03


def test_a_plan_of_its_own_shifts_between_sessions_only() -> None:
    device = SimulatedDevice(0, paper_work, nuisance=replace(SILENT, own=0.02))
    plan = random_plan(random.Random(1))
    first = [device.time_block(plan, 1).event_ms[0] for _ in range(3)]
    device.new_session()
    assert len(set(first)) == 1 and device.time_block(plan, 1).event_ms[0] != first[0]


def test_a_skipped_stage_saves_what_it_would_cost() -> None:
    geometry = Geometry(24, (2, 2, 6, 2))
    size = (224, 224)  # one window in the last stage: any pruning there skips it
    device = SimulatedDevice(0, lambda plan: geometry.work(plan, size), base_ms=20.0)
    skipped = Plan.of({"stage3": 0.5})
    share = geometry.work(skipped, size).macs / geometry.work(Plan(), size).macs
    assert share < 0.9
    assert isclose(device.true_ms(skipped), 20.0 * share)
