"""The session: what it times in which order, what it flags, and that it always ends with an answer."""

from dataclasses import replace
from math import isclose
from random import Random

import pytest

from latency.errors import MeasurementError
from latency.flags import AA_FAILED, DEVICE_BUSY, IMPRECISE, NOT_STATIONARY, THROTTLED
from latency.measure import measure_plans
from latency.record import Device, Measurement
from latency.session import GROUP
from latency.simulated import QUIET, Nuisance, SimulatedDevice
from latency.stopping import PRECISE, QUICK, Stopping
from latency.timer import Timer
from models.plan import Plan
from tests.latency.support import DENSE, DEVICE, REFERENCE, SETTING, ScriptedTimer, paper_work, random_plan

PLANS = list(dict.fromkeys(random_plan(Random(seed)) for seed in range(2 * GROUP)))


def measure(
    timer: Timer, plans: list[Plan], stopping: Stopping = QUICK, seed: int = 0, **more: object
) -> list[Measurement]:
    rng = Random(seed)
    return measure_plans(timer, plans, SETTING, DEVICE, REFERENCE, rng, stopping, **more)  # type: ignore[arg-type]


def test_times_the_reference_before_and_after_at_most_two_plans() -> None:
    timer = ScriptedTimer()
    measure(timer, PLANS[:5])
    # after the warm-up of reference and plans
    start = max(timer.timed.index(plan) for plan in PLANS[:5]) + 1
    away = 0
    for plan in timer.timed[start:]:
        away = 0 if plan == REFERENCE else away + 1
        assert away <= 2
    assert timer.timed[start] == timer.timed[-1] == REFERENCE


def test_every_plan_gets_its_blocks_in_changing_order() -> None:
    timer = ScriptedTimer()
    records = measure(timer, PLANS[:5])
    assert [record.plan for record in records] == PLANS[:5]
    assert [len(record.blocks) for record in records] == [5] * 5
    turns = sorted((block.start, record.plan) for record in records for block in record.blocks)
    rounds = [tuple(plan for _, plan in turns[start : start + 5]) for start in range(0, 25, 5)]
    assert all(set(turn) == set(PLANS[:5]) for turn in rounds) and len(set(rounds)) > 2


def test_what_slows_everything_alike_cancels() -> None:
    # 1 % slower every second; the dense plan takes 1.5 times the reference
    timer = ScriptedTimer(lambda plan, at: 10.0 * 1.01**at * (1.5 if plan == DENSE else 1.0))
    record = measure(timer, [DENSE], reference_ms=10.0)[0]
    assert abs(record.median_ms - 15.0) < 0.002
    assert max(block.samples_ms[0] for block in record.blocks) > 15.3


def test_without_a_known_reference_the_session_s_own_is_used() -> None:
    timer = ScriptedTimer(lambda plan, at: 30.0 if plan == DENSE else 20.0)
    record = measure(timer, [DENSE])[0]
    assert (record.reference_ms, record.median_ms, record.reference_se) == (20.0, 30.0, 0.0)


def test_known_reference_and_scatter_between_sessions_are_passed_on() -> None:
    record = measure(ScriptedTimer(), [DENSE], reference_ms=7.0, reference_se=0.01, between_sd=0.02)[0]
    assert (record.reference_ms, record.reference_se, record.between_sd) == (7.0, 0.01, 0.02)


def test_blocks_are_long_and_hold_three_forwards_at_least() -> None:
    slow, fast = Plan.of({**DENSE, "a": 0.1}), Plan.of({**DENSE, "a": 0.8})
    timer = ScriptedTimer(lambda plan, at: {slow: 200.0, fast: 2.0}.get(plan, 20.0))
    records = measure(timer, [slow, fast])
    assert [len(record.blocks[0].samples_ms) for record in records] == [3, 38]


def test_the_clock_of_the_setting_counts() -> None:
    timer = ScriptedTimer(lambda plan, at: 30.0 if plan == DENSE else 20.0)
    setting = replace(SETTING, clock="host")
    record = measure_plans(timer, [DENSE], setting, DEVICE, REFERENCE, Random(0))[0]
    # the scripted caller waits twice as long as the device works
    assert (record.median_ms, record.blocks[0].samples_ms[0]) == (60.0, 60.0)


def test_a_plan_asked_for_twice_is_measured_once() -> None:
    timer = ScriptedTimer()
    first, second, third = measure(timer, [DENSE, PLANS[0], DENSE])
    assert first is third and second.plan == PLANS[0]


def test_the_reference_can_be_asked_for_itself() -> None:
    assert measure(ScriptedTimer(), [REFERENCE])[0].ratio == 1.0


def test_progress_is_told_group_by_group() -> None:
    told: list[int] = []
    measure(ScriptedTimer(), PLANS[: GROUP + 3], progress=lambda records: told.append(len(records)))
    assert told == [GROUP, GROUP + 3]


def test_equal_seeds_give_equal_records() -> None:
    runs = [measure(SimulatedDevice(1, paper_work), PLANS[:4], seed=5) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] != measure(SimulatedDevice(1, paper_work), PLANS[:4], seed=6)


class KilledError(Exception):
    pass


def test_a_killed_session_goes_on_where_it_stopped() -> None:
    saved: list[Measurement] = []

    def die(records: object) -> None:
        saved.extend(records)  # type: ignore[arg-type]
        raise KilledError

    device = SimulatedDevice(2, paper_work)
    known = {"reference_ms": device.true_ms(REFERENCE)}
    whole = measure(SimulatedDevice(2, paper_work), PLANS, **known)
    with pytest.raises(KilledError):
        measure(device, PLANS, progress=die, **known)
    device.new_session()
    resumed = measure(device, PLANS, seed=1, finished=saved, **known)
    assert resumed[:GROUP] == saved == whole[:GROUP]
    # the rest was measured in another session, up to 40 % faster or slower, and agrees all the same
    for mine, theirs in zip(resumed[GROUP:], whole[GROUP:], strict=True):
        assert mine != theirs
        both = mine.standard_error**2 + theirs.standard_error**2
        assert abs(mine.ratio / theirs.ratio - 1) < 4 * both**0.5


def test_finished_records_alone_need_no_device() -> None:
    records = measure(ScriptedTimer(), PLANS[:3])
    timer = ScriptedTimer()
    assert measure(timer, PLANS[:3], finished=records) == records
    assert timer.timed == []


def test_finished_records_of_another_device_are_refused() -> None:
    records = measure(ScriptedTimer(), PLANS[:1])
    with pytest.raises(MeasurementError, match="unlike devices or settings never mix"):
        measure_plans(ScriptedTimer(), PLANS, SETTING, Device("other", "other"), REFERENCE, Random(0), finished=records)


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="empty"):
        measure(ScriptedTimer(), [])


@pytest.mark.parametrize("seed", range(5))
def test_a_device_that_always_throttles_ends_with_flags(seed: int) -> None:
    device = SimulatedDevice(seed, paper_work, nuisance=Nuisance(throttled=True))
    records = measure(device, PLANS, PRECISE)
    assert len(records) == len(PLANS)
    assert all({THROTTLED, NOT_STATIONARY, IMPRECISE} <= set(record.flags) for record in records)
    # 16 plans, 20 blocks of at most 0.1 s at 1.6 times the pace, half as many of the reference, warm-up, pauses
    assert device.now() < 150


def twice_as_slow_after_20_s(plan: Plan, at: float) -> float:
    return (20.0 if at > 20.0 else 10.0) * (1 + 1e-3 * (7 * at % 1))


def test_another_job_on_the_device_ends_the_session_with_a_flag() -> None:
    timer = ScriptedTimer(twice_as_slow_after_20_s)
    rule = Stopping(precision=0.0, least=5, most=100_000, seconds=1e9)
    records = measure(timer, PLANS[:4], rule)
    assert all(DEVICE_BUSY in record.flags for record in records)
    assert 80 < timer.now() < 85


def test_on_a_cpu_others_come_and_go_and_measuring_goes_on() -> None:
    timer = ScriptedTimer(twice_as_slow_after_20_s)
    rule = Stopping(precision=0.0, least=5, most=200, seconds=1e9)
    setting = replace(SETTING, device="cpu")
    records = measure_plans(timer, PLANS[:4], setting, DEVICE, REFERENCE, Random(0), rule)
    assert all(DEVICE_BUSY in record.flags and len(record.blocks) == 200 for record in records)


def test_a_duplicate_that_disagrees_widens_every_interval() -> None:
    class Unfair(ScriptedTimer):
        """Slow whenever the reference is timed as a plan among others."""

        def time_block(self, plan: Plan, forwards: int):  # type: ignore[no-untyped-def]
            among = self.timed[-1:] == [REFERENCE] and plan == REFERENCE and self.timed[-2:-1] != [REFERENCE]
            self.latency = lambda plan, at: 10.3 if among else 10.0
            return super().time_block(plan, forwards)

    fair, unfair = measure(ScriptedTimer(), PLANS[:1])[0], measure(Unfair(), PLANS[:1])[0]
    assert (fair.inflation, fair.flags) == (0.0, ())
    assert AA_FAILED in unfair.flags and unfair.inflation > 0.005
    low, high = unfair.ratio_interval
    assert high - low >= 2 * unfair.inflation * unfair.ratio


def test_a_clear_decision_saves_blocks() -> None:
    device = SimulatedDevice(3, paper_work, nuisance=QUIET)
    rule = Stopping(precision=0.001, least=5, most=20, budget_ratio=3.0)
    far = measure(device, [DENSE], rule)[0]
    near = measure(device, [DENSE], replace(rule, budget_ratio=far.ratio))[0]
    assert len(far.blocks) == 5 and IMPRECISE not in far.flags
    assert len(near.blocks) == 20 and IMPRECISE in near.flags


def test_the_reason_a_forward_failed_is_passed_on() -> None:
    class Broken(ScriptedTimer):
        def time_block(self, plan: Plan, forwards: int):  # type: ignore[no-untyped-def]
            raise MeasurementError("out of memory")

    with pytest.raises(MeasurementError, match="out of memory"):
        measure(Broken(), [DENSE])


def test_noise_of_the_group_is_credited_to_small_samples() -> None:
    records = measure(SimulatedDevice(4, paper_work, nuisance=QUIET), PLANS[:GROUP])
    assert all(record.noise_dof == 10.0 and 0.002 < record.noise_sd < 0.03 for record in records)
    assert isclose(records[0].noise_sd, records[1].noise_sd)
