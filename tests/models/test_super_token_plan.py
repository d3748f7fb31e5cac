"""The knobs of STViT: what a value means, which block it reaches, what is refused."""

import pytest

from models.errors import PlanError
from models.plan import Plan
from models.super_token_plan import BlockSetting, Refine, cell_value, parse_cell, schedule

DEPTHS = (2, 3)
OWN = (BlockSetting((8, 8)), BlockSetting((1, 1)))


def settings(plan: dict[str, object], own: tuple[BlockSetting, ...] = OWN) -> tuple[tuple[BlockSetting, ...], ...]:
    return schedule(Plan.of(plan), DEPTHS, own)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "cell"),
    [(8, (8, 8)), ("16x8", (16, 8)), ("1x2", (1, 2)), ((4, 2), (4, 2)), ([1, 1], (1, 1)), (64, (64, 64))],
)
def test_cells_as_people_write_them(value: int | str | tuple[int, int], cell: tuple[int, int]) -> None:
    assert parse_cell(value) == cell
    assert parse_cell(cell_value(cell)) == cell  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [0, -1, 65, True, 2.5, 8.0, "8", "8x", "0x8", "axb", "8x8x8", "99999x1", (1,), (1, 2, 3)]
)
def test_what_is_no_cell_is_refused_with_examples(value: object) -> None:
    with pytest.raises(PlanError, match=r'a cell must be a whole number such as 8, or "16x8" .* to 64'):
        parse_cell(value)  # type: ignore[arg-type]


def test_without_knobs_every_block_is_as_built() -> None:
    assert settings({}) == ((OWN[0],) * 2, (OWN[1],) * 3)


def test_block_knob_wins_over_its_stage_in_any_order() -> None:
    plan = {"grid1.2": "4x2", "grid1": 2, "iters1.0": 3, "refine1": "none"}
    for knobs in (plan, dict(reversed(plan.items()))):
        cells, rounds = zip(*((s.cell, s.iterations) for s in settings(knobs)[1]), strict=True)
        assert cells == ((2, 2), (2, 2), (4, 2)) and rounds == (3, 1, 1)
        assert {s.refine for s in settings(knobs)[1]} == {"none"}
    assert settings(plan)[0] == (OWN[0],) * 2


@pytest.mark.parametrize(
    "name", ["grid2", "grid1.3", "grid", "grid0.", "cells0", "stage0", "grid-1", "refine0_1", "grid0.0.0"]
)
def test_unknown_knob_tells_what_there_is(name: str) -> None:
    with pytest.raises(
        PlanError, match=r"unknown knob .* stages 0 to 1 \(grid0\) and of their 2, 3 blocks \(grid0.0\)"
    ):
        settings({name: 1})


@pytest.mark.parametrize("value", [0.5, 2.0, True, "x", 0])
def test_illegal_cell_names_its_knob(value: object) -> None:
    with pytest.raises(PlanError, match=r"^grid1"):
        settings({"grid1": value})


@pytest.mark.parametrize("value", [0, -1, 11, 1.0, True, "2"])
def test_iterations_are_whole_and_few(value: object) -> None:
    with pytest.raises(PlanError, match=r"iters0=.* must be a whole number from 1 to 10"):
        settings({"iters0": value})


# refinement in the plan:   the model's weights:   legal
@pytest.mark.parametrize(
    ("weights", "value", "legal"),
    [
        ("attention", "attention", True), ("attention", "none", True), ("attention", "conv", False),
        ("conv", "conv", True), ("conv", "none", True), ("conv", "attention", False),
        ("none", "none", True), ("none", "attention", False), ("none", 1, False), ("attention", "mean", False),
    ],
)  # fmt: skip
def test_refinement_needs_its_weights(weights: Refine, value: object, legal: bool) -> None:
    own = (BlockSetting((2, 2), refine=weights),) * 2
    if legal:
        assert settings({"refine0": value}, own)[0][0].refine == value
    else:
        with pytest.raises(PlanError, match=r"^refine0=.*(choose|only 'none' is possible)"):
            settings({"refine0": value}, own)
