"""Plans and spaces: immutable, validated, canonical, ordered."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import PlanError
from models.plan import Plan
from models.space import Knob, Space
from models.sparsevit_geometry import Geometry

TINY = Geometry(96, (2, 2, 6, 2))
SPACE = TINY.space((672, 672))


def test_plan_round_trips_and_ignores_the_order_of_knobs() -> None:
    plan = Plan.of({"a": 0.3, "b": "conv", "c": True})
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.of({"c": True, "b": "conv", "a": 0.3}) == plan
    assert hash(Plan.of({"c": True, "b": "conv", "a": 0.3})) == hash(plan)
    assert plan != Plan.of({"a": 0.4, "b": "conv", "c": True})


def test_plan_cannot_be_changed() -> None:
    plan = Plan.of({"a": 0.3})
    with pytest.raises(AttributeError):
        plan.knobs = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        plan["a"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ((("a", float("nan")),), "a=nan: a knob value must be finite"),
        ((("a", None),), "a=None: a knob value must be a number, a string or a boolean"),
        ((("a", 1), ("a", 2)), "unique"),
        ((("", 1),), "non-empty string"),
    ],
)
def test_malformed_plan_says_what_is_wrong(knobs: tuple, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan(knobs)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": [1]}'])
def test_text_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        Plan.from_json(text)


def test_published_space_has_120285_plans() -> None:
    assert len(SPACE) == 120_285
    assert SPACE.names == ("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3")


def test_enumeration_agrees_with_the_formula() -> None:
    small = Geometry(8, (2, 6)).space((56, 56), (0.0, 0.3, 0.6))
    plans = list(small)
    assert len(plans) == len(set(plans)) == len(small) == 3 * 10
    assert all(small.contains(plan) for plan in plans)


def test_space_round_trips() -> None:
    assert Space.from_json(SPACE.to_json()) == SPACE
    with pytest.raises(PlanError, match="not a space"):
        Space.from_json('{"knobs": 3}')


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stage9": 0.3}, r"unknown knobs \['stage9'\]"),
        ({"stage0": 0.35}, "stage0=0.35 is not legal"),
        ({"stage0": True}, "stage0=True is not legal"),
        ({"stage2_1": 0.4, "stage2_2": 0.1, "stage2_3": 0.8}, "stage2_2=0.1 is denser than stage2_1=0.4"),
    ],
)
def test_illegal_plan_names_knob_and_remedy(settings: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        SPACE.plan(settings)


def test_plans_that_keep_the_same_windows_are_one_plan() -> None:
    # at 224 the last stage has one window: any ratio above 0 skips it
    space = TINY.space((224, 224))
    skipped = {space.canonical(space.plan({"stage3": r})) for r in (0.1, 0.5, 0.8)}
    assert skipped == {space.plan({"stage3": 0.1})}
    assert hash(space.canonical(space.plan({"stage3": 0.8}))) == hash(space.plan({"stage3": 0.1}))
    assert space.canonical(space.dense) == space.dense


@given(st.integers(0, 10**6))
def test_canonical_form_keeps_the_network_and_the_order(seed: int) -> None:
    space = TINY.space((224, 224))
    plan = space.random(random.Random(seed))
    canonical = space.canonical(plan)
    assert space.contains(canonical)
    assert space.canonical(canonical) == canonical
    assert TINY.work(canonical, (224, 224)) == TINY.work(plan, (224, 224))


@given(st.integers(0, 10**6))
def test_neighbours_differ_in_one_step_and_are_legal(seed: int) -> None:
    plan = SPACE.random(random.Random(seed))
    neighbours = SPACE.neighbours(plan)
    assert neighbours
    for other in neighbours:
        assert SPACE.contains(other)
        steps = [abs(a - b) for a, b in zip(SPACE.indices(plan), SPACE.indices(other), strict=True)]
        assert sorted(steps) == [0, 0, 0, 0, 0, 1]


def test_repair_sorts_only_the_ordered_knobs() -> None:
    assert SPACE.repair((8, 1, 5, 2, 4, 0)) == (8, 1, 2, 4, 5, 0)


def test_contradictory_space_is_refused() -> None:
    with pytest.raises(PlanError, match="unknown knob 'b'"):
        Space((Knob("a", (0, 1)),), (("a", "b"),))
    with pytest.raises(PlanError, match="must be unique"):
        Space((Knob("a", (0, 1)), Knob("a", (0, 1))))
    with pytest.raises(PlanError, match="equal counts"):
        Space((Knob("a", (0, 1), (2, 1)), Knob("b", (0, 1), (2, 0))), (("a", "b"),))
    with pytest.raises(PlanError, match="2 values need as many counts; got 1"):
        Knob("a", (0, 1), (3,))
    with pytest.raises(PlanError, match="distinct"):
        Knob("a", (1, 1))
