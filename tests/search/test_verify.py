from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from latency.record import Measurement
from models.plan import Plan
from search.journal import Journal
from search.records import Event, Job, Point
from search.rig import Rig, Scale
from search.verify import GROUP, Verdict, verify
from tests.search.support import SPACE, job, measurement

PLANS = [SPACE.at((place, 0, 0, 0, 0, 0)) for place in range(9)] + [
    SPACE.at((0, place, 0, 0, 0, 0)) for place in (1, 2)
]


class Scripted:
    """A rig whose plans take what the script says, every time."""

    device_key = "k"

    def __init__(self, ms: Sequence[float]) -> None:
        self._ms = dict(zip(PLANS, ms, strict=False))
        self.sessions: list[tuple[str, list[Plan]]] = []

    def measure(
        self, plans: Sequence[Plan], session: str, precise: bool, scale: Scale | None, tick: Callable[[int], None]
    ) -> list[Measurement]:
        assert precise and scale is not None
        self.sessions.append((session, list(plans)))
        return [measurement(plan, self._ms[plan], 0.001) for plan in plans]


def run(
    ms: Sequence[float],
    within: Sequence[float] | None = None,
    forecasts: Sequence[float] | None = None,
    last: bool = True,
    reach: float = 1.0,
    **changes: Any,
) -> tuple[Verdict, Scripted, list[Event]]:
    """Verify candidates whose metric falls from the first to the last, against a budget of 30 ms."""
    rig, events = Scripted(ms), list[Event]()
    asked: Job = job(30.0, **changes)
    chances = within or [0.9] * len(ms)
    expected = forecasts or [29.0] * len(ms)
    points = [Point(PLANS[i], 50.0 - i, expected[i], 28.0, 30.0, chance) for i, chance in enumerate(chances)]
    scale = Scale(SPACE.dense, 30.0, 0.0)
    return (
        verify(asked, cast(Rig, rig), Journal(events.append), points[::-1], scale, reach=reach, last=last),
        rig,
        events,
    )


def test_takes_the_best_that_passes_and_measures_no_more_groups() -> None:
    verdict, rig, events = run([31, 29, 25, 20, 20])
    assert verdict.winner is not None and verdict.winner.plan == PLANS[1]
    assert [session for session, _ in rig.sessions] == ["verify:0:0", "verify:0:1"]
    assert all(plans == PLANS[:GROUP] for _, plans in rig.sessions)
    told = [event.data["accepted"] for event in events if event.kind == "verify"]
    assert told == [False, True, True]


def test_goes_down_the_list_when_a_group_fails() -> None:
    verdict, rig, _ = run([31, 31, 31, 29], forecasts=[30, 30, 30, 28])
    assert verdict.winner is not None and verdict.winner.plan == PLANS[3]
    assert verdict.tried == 4
    assert [session for session, _ in rig.sessions] == ["verify:0:0", "verify:0:1", "verify:1:0", "verify:1:1"]


def test_tries_no_more_than_the_finalists_and_the_surest_of_the_rest() -> None:
    verdict, rig, _ = run([30.0] * 10, within=[0.9] * 9 + [0.99], forecasts=[29.9] * 3 + [29.0] * 7, finalists=4)
    assert verdict.winner is None
    assert verdict.tried == 5
    assert rig.sessions[-1][1] == [PLANS[9]]
    assert set(verdict.measured) == {*PLANS[:4], PLANS[9]}


def test_finalists_that_would_fail_as_the_group_before_them_are_left_out() -> None:
    ms, forecasts = [31.0, 31.0, 31.0, 30.5, 28.0, 20.0], [29.0, 29.0, 29.0, 28.9, 26.5, 19.0]
    verdict, rig, _ = run(ms, forecasts=forecasts)
    assert verdict.winner is not None and verdict.winner.plan == PLANS[4]
    assert rig.sessions[-1][1] == [PLANS[4], PLANS[5]]


def test_the_surest_one_waits_until_no_round_is_left() -> None:
    ms, within = [31.0] * 3 + [30.5, 20.0], [0.9] * 4 + [1.0]
    for last in (False, True):
        verdict, rig, _ = run(ms, within, forecasts=[29.0] * 5, last=last)
        assert verdict.tried == (4 if last else 3)
        assert (verdict.winner is not None) is last
        assert verdict.reach > 1.0
    assert rig.sessions[-1][1] == [PLANS[4]]


def test_earlier_rounds_say_how_far_below_the_budget_a_forecast_must_be() -> None:
    verdict, rig, _ = run([29.5, 27.0], forecasts=[29.5, 27.0], reach=1.05)
    assert rig.sessions[0][1] == [PLANS[1]]
    assert verdict.winner is not None
    # with nothing else to try, the surest one is tried nevertheless
    verdict, rig, _ = run([29.5, 29.5], [0.5, 0.6], forecasts=[29.5, 29.5], reach=1.05, last=False)
    assert [plans for _, plans in rig.sessions] == [[PLANS[1]]] * 2


def test_a_hopeless_candidate_is_not_worth_a_session() -> None:
    verdict, rig, _ = run([20, 29], within=[0.01, 0.9])
    assert verdict.winner is not None and verdict.winner.plan == PLANS[1]
    assert [plans for _, plans in rig.sessions] == [[PLANS[1]]] * 2


def test_nothing_to_verify_is_no_winner() -> None:
    verdict, rig, _ = run([])
    assert (verdict.winner, verdict.tried, rig.sessions) == (None, 0, [])


@pytest.mark.parametrize("sessions", [1, 3])
def test_every_finalist_is_measured_in_as_many_sessions_as_asked(sessions: int) -> None:
    verdict, rig, _ = run([29.0], sessions=sessions)
    assert len(rig.sessions) == sessions
    assert verdict.decision is not None and verdict.decision.sessions == sessions


@pytest.mark.parametrize(("candidates", "tries"), [(1, 1), (3, 3), (5, 5), (9, 5)])
def test_the_risk_is_shared_between_all_that_may_be_tried(candidates: int, tries: int) -> None:
    verdict, _, _ = run([29.0] * candidates, finalists=4, alpha=0.01)
    assert verdict.decision is not None
    assert verdict.decision.alpha == pytest.approx(0.01 / tries)


def test_a_close_candidate_with_a_better_forecast_is_still_refused_by_measurement() -> None:
    verdict, _, events = run([29.999, 28.0], within=[1.0, 1.0])
    assert verdict.winner is not None and verdict.winner.plan == PLANS[1]
    first = next(event.data for event in events if event.kind == "verify")
    assert first["decision"]["meets"] is None
