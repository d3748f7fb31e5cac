"""The baseline: marks, pauses and gives up as its table says."""

from latency.baseline import Baseline
from latency.flags import CONTENDED, REFERENCE_UNSTABLE
from tests.latency.support import REFERENCE, ScriptedTimer


def run(timer: ScriptedTimer, baseline: Baseline, blocks: int) -> None:
    for _ in range(blocks):
        baseline.add(lambda: timer.time_block(REFERENCE, 10))


def test_a_calm_device_is_left_alone() -> None:
    timer = ScriptedTimer()
    run(timer, baseline := Baseline(timer), 20)
    assert timer.rests == [] and baseline.flags == set() and not baseline.busy
    assert not any(baseline.strayed(at) for at in baseline.times)
    assert baseline.times == sorted(baseline.times) and baseline.medians_ms == [10.0] * 20


def test_three_percent_makes_neighbours_suspect_without_a_pause() -> None:
    timer = ScriptedTimer(lambda plan, at: 10.3 if 0.95 < at < 1.05 else 10.0)
    run(timer, baseline := Baseline(timer), 20)
    assert timer.rests == []
    assert [baseline.strayed(at) for at in (0.75, 0.99, 1.07, 1.35)] == [False, True, True, False]


def test_a_flagged_block_makes_neighbours_suspect() -> None:
    timer = ScriptedTimer(flags=lambda at: (CONTENDED,) if 0.95 < at < 1.05 else ())
    run(timer, baseline := Baseline(timer), 20)
    assert baseline.strayed(1.0) and not baseline.strayed(0.5)


def test_an_excursion_is_waited_out() -> None:
    timer = ScriptedTimer(lambda plan, at: 12.0 if 1.0 < at < 2.5 else 10.0)
    run(timer, baseline := Baseline(timer), 30)
    assert timer.rests == [2.0]
    assert baseline.flags == set()


def test_a_new_level_is_accepted_after_one_pause() -> None:
    timer = ScriptedTimer(lambda plan, at: 12.0 if at > 1.0 else 10.0)
    run(timer, baseline := Baseline(timer), 30)
    assert timer.rests == [2.0]
    assert REFERENCE_UNSTABLE not in baseline.flags


def test_pauses_are_bounded_and_end_in_a_flag() -> None:
    # every block is far from the one before
    timer = ScriptedTimer(lambda plan, at: 10.0)
    baseline = Baseline(timer)
    run(timer, baseline, 5)
    levels = iter([20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0])
    timer.latency = lambda plan, at: next(levels)
    run(timer, baseline, 3)
    assert timer.rests == [2.0, 4.0, 8.0]
    assert baseline.flags == {REFERENCE_UNSTABLE}


def test_a_minute_beside_another_job_is_enough() -> None:
    timer = ScriptedTimer(lambda plan, at: 15.0 if at > 100.0 else 10.0)
    baseline = Baseline(timer, pauses=())
    while not baseline.busy and timer.now() < 500:
        run(timer, baseline, 1)
    assert 160 < timer.now() < 165


def test_the_host_clock_has_a_baseline_of_its_own() -> None:
    timer = ScriptedTimer()
    run(timer, baseline := Baseline(timer, clock="host"), 2)
    assert baseline.medians_ms == [20.0, 20.0]
