"""The front for any budget: who meets it, the knee, the area, the sentence."""

import hashlib
from dataclasses import replace

import pytest

from api.schemas.front import Front
from api.schemas.search import Device
from api.views.front import FrontFacts, front_view, hypervolume, knee
from api.views.points import point_id
from models.plan import Plan
from search.budget import Budget
from search.records import Point
from tests.search.support import SPACE, measurement

DENSE, FLOOR = SPACE.canonical(SPACE.dense), SPACE.canonical(SPACE.sparsest)
DEVICE = Device(name="a device", key="k", details={})


def plan(step: int) -> Plan:
    """One of a few distinct plans."""
    return SPACE.canonical(SPACE.plan({"stage0": step / 10}))


def point(step: int, metric: float, ms: float, half: float = 0.1) -> Point:
    """A forecast."""
    return Point(plan(step), metric, ms, ms - half, ms + half, within=0.5)


def facts(*points: Point, max_ms: float = 30.0, **more: object) -> FrontFacts:
    known = FrontFacts(
        search="s",
        metric="bbox_mAP",
        budget=Budget(max_ms),
        points=points,
        sessions={DENSE: [measurement(DENSE, 50.0)], FLOOR: [measurement(FLOOR, 20.0)]},
        dense=DENSE,
        floor=FLOOR,
        device=DEVICE,
        simulated=False,
        final=True,
    )
    return replace(known, **more)  # type: ignore[arg-type]  # fields by name


def meets(front: Front) -> list[str]:
    return [one.meets for one in front.points]


def test_an_empty_front_is_a_front() -> None:
    front = front_view(FrontFacts(search="s", metric="bbox_mAP", budget=Budget(30)))
    assert front.points == [] and (front.knee, front.chosen, front.hypervolume, front.dense, front.floor) == (None,) * 5
    assert front.verdict == "So far: no plan has been evaluated yet."


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(30), ["yes", "borderline", "no"]),
        (Budget(40.2), ["yes", "yes", "yes"]),
        (Budget(24), ["no", "no", "no"]),
        (Budget(40.2, 29), ["no", "yes", "yes"]),
        (Budget(40.2, 25.05), ["borderline", "yes", "yes"]),
    ],
    ids=str,
)
def test_the_interval_decides_what_meets_a_budget(budget: Budget, expected: list[str]) -> None:
    known = facts(point(1, 10, 25), point(2, 20, 30.05), point(3, 30, 40))
    front = front_view(known, budget)
    assert meets(front) == expected
    assert (front.budget.max_ms, front.budget.min_ms) == (budget.max_ms, budget.min_ms)
    for one in front.points:
        assert one.probability is not None
        low, high = {"yes": (0.97, 1.0), "borderline": (0.02, 0.98), "no": (0.0, 0.03)}[one.meets]
        assert low <= one.probability <= high


def test_what_was_measured_is_judged_by_its_samples_not_by_the_forecast() -> None:
    # forecast to be far over budget, measured well inside
    known = facts(point(1, 10, 35), sessions={plan(1): [measurement(plan(1), 29.0), measurement(plan(1), 29.1)]})
    (one,) = front_view(known).points
    assert one.meets == "yes" and one.latency.measured and one.latency.ms == pytest.approx(29.1)
    assert one.latency.low_ms is not None and one.latency.low_ms < 29.1 < (one.latency.high_ms or 0) < 30


def test_the_answer_was_accepted_by_the_search_and_stays_accepted_for_its_own_budget_only() -> None:
    # two points have an interval that ends a little above the budget; one of them is the answer
    known = facts(point(1, 10, 29.95), point(2, 11, 29.96), chosen=plan(2), probability=0.995)
    first, second = front_view(known).points
    assert (first.meets, first.chosen) == ("borderline", False)
    assert (second.meets, second.chosen, second.probability) == ("yes", True, 0.995)
    assert meets(front_view(known, Budget(29.9))) == ["borderline", "borderline"]


def test_points_that_a_measurement_shows_to_be_beaten_leave_the_front() -> None:
    known = facts(point(1, 10, 25), point(2, 20, 26), sessions={plan(1): [measurement(plan(1), 27.0)]})
    assert [one.id for one in front_view(known).points] == [point_id(plan(2))]


def test_the_ends_are_points_with_their_measured_latency() -> None:
    front = front_view(facts(point(1, 10, 25), metrics={DENSE: {"bbox_mAP": 40.0}}))
    assert front.dense is not None and front.floor is not None
    assert (front.dense.id, front.dense.metric, front.dense.meets) == (point_id(DENSE), 40.0, "no")
    assert (front.floor.id, front.floor.metric, front.floor.meets) == (point_id(FLOOR), None, "yes")


def test_the_knee_is_farthest_above_the_chord() -> None:
    #  metric 30 |            .  o      the chord goes from (20, 0) to (40, 30)
    #         20 |    o   .
    #          0 | o
    known = facts(point(1, 0, 20), point(2, 20, 25), point(3, 26, 34), point(4, 30, 40), max_ms=50)
    assert front_view(known).knee == point_id(plan(2))


def test_a_bargain_over_budget_is_no_knee_and_neither_is_a_dent() -> None:
    points = (point(1, 0, 20), point(2, 20, 25), point(3, 30, 40))
    assert front_view(facts(*points, max_ms=30)).knee is None  # two points are left
    dent = facts(point(1, 0, 20), point(2, 2, 30), point(3, 30, 40), max_ms=50)
    assert front_view(dent).knee is None
    assert knee([]) is None


def test_the_hypervolume_is_the_area_up_to_the_dense_latency() -> None:
    # 10 x (50 - 25) + 10 x (50 - 30); the point slower than dense adds nothing
    front = front_view(facts(point(1, 10, 25), point(2, 20, 30), point(3, 90, 60)))
    assert front.hypervolume == pytest.approx(10 * 25 + 10 * 20)
    assert hypervolume([], 50.0) == 0.0


def test_a_latency_without_interval_is_null_and_borderline() -> None:
    unknown = Point(plan(1), 10, 25, float("-inf"), float("inf"), within=0.5)
    (one,) = front_view(facts(unknown)).points
    assert (one.latency.low_ms, one.latency.high_ms, one.meets, one.probability) == (None, None, "borderline", 0.5)


@pytest.mark.parametrize(
    ("points", "more", "words"),
    [
        ((point(1, 10, 25), point(2, 20, 29)), {}, ["bbox_mAP 20.00", "meets 30 ms", "saves 42 %", "a device"]),
        ((point(1, 10, 25), point(2, 20, 29)), {"final": False}, ["So far: "]),
        ((point(1, 10, 25),), {"simulated": True}, ["SIMULATED: "]),
        ((point(1, 10, 30.05),), {}, ["no plan of the front is shown to meet 30 ms", "may meet it"]),
        ((point(1, 10, 45),), {}, ["no plan of the front is shown to meet 30 ms", "is nearest to it"]),
        (
            (point(1, 10, 25), point(2, 20, 29)),
            {"chosen": plan(1), "metrics": {DENSE: {"bbox_mAP": 12.5}}},
            ["stage0=0.1", "bbox_mAP 10.00", "costs 2.50 bbox_mAP"],
        ),
    ],
)
def test_the_verdict_says_what_to_take(points: tuple[Point, ...], more: dict[str, object], words: list[str]) -> None:
    verdict = front_view(facts(*points, **more)).verdict
    assert [word for word in words if word not in verdict] == []


def test_ids_do_not_depend_on_the_order_of_the_knobs() -> None:
    assert point_id({"b": 1, "a": 0.5}) == point_id({"a": 0.5, "b": 1}) != point_id({"a": 0.5, "b": 2})
    assert point_id({"a": 0.5, "b": 1}) == hashlib.sha256(b'{"a": 0.5, "b": 1}').hexdigest()[:12]
