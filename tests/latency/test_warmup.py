"""Warm-up: waits for standing still, and not for ever."""

import pytest

from latency.warmup import Warmup, warm_up
from tests.latency.support import REFERENCE, ScriptedTimer

RULE = Warmup(seconds=0.5, forwards=10, patience=10.0)


@pytest.mark.parametrize(
    ("medians", "stable"),
    [
        ([10.0] * 7, False),  # too few to say
        ([10.0] * 8, True),
        ([20.0, 15.0, *[10.0] * 8], True),  # only the last eight count
        ([10.0 * 1.003**n for n in range(8)], False),  # a trend of 0.3 % per block
        ([10.0 * 1.001**n for n in range(8)], True),
        ([10.0] * 4 + [10.0, 10.2, 10.0, 10.0], False),  # 2 % between the last four
        ([99.0, *[10.0] * 7], True),  # one odd block is no trend
    ],
)
def test_standing_still_is_no_trend_and_little_spread(medians: list[float], stable: bool) -> None:
    assert RULE.stable(medians) is stable


def test_ends_when_the_transient_is_over() -> None:
    timer = ScriptedTimer(lambda plan, at: 10.0 + 5.0 * max(0.0, 1 - at / 2))
    assert warm_up(timer, REFERENCE, 5, RULE)
    assert 2.0 < timer.now() < 3.0


def test_runs_at_least_as_long_as_told() -> None:
    timer = ScriptedTimer()
    assert warm_up(timer, REFERENCE, 5, RULE)
    assert timer.now() >= 0.5


def test_gives_up_on_a_device_that_never_stands_still() -> None:
    timer = ScriptedTimer(lambda plan, at: 10.0 * (1 + at))
    assert not warm_up(timer, REFERENCE, 5, RULE)
    assert 10.0 <= timer.now() < 13.0
