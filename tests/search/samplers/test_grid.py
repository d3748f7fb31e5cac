"""The grid: cells and canonical plans correspond one to one."""

import random

import pytest

from models.errors import PlanError
from search.samplers.grid import Grid
from tests.search.samplers.problems import ALIASED, NAMED, ORDERED

SPACES = {"ordered": ORDERED, "aliased": ALIASED, "named": NAMED}


@pytest.fixture(params=sorted(SPACES))
def grid(request: pytest.FixtureRequest) -> Grid:
    """Each space in turn."""
    return Grid(SPACES[request.param])


def test_cells_are_the_canonical_plans(grid: Grid) -> None:
    plans = [grid.plan(cell) for cell in grid]
    assert set(plans) == {grid.space.canonical(plan) for plan in grid.space}
    assert len(plans) == len(set(plans))
    assert [grid.cell(plan) for plan in plans] == list(grid)


def test_iteration_starts_dense_and_ends_sparsest(grid: Grid) -> None:
    cells = list(grid)
    assert grid.plan(cells[0]) == grid.space.dense
    assert cells[-1] == grid.cell(grid.space.sparsest)


def test_aliases_share_a_cell() -> None:
    grid = Grid(ALIASED)
    assert grid.shape == (3, 3)
    assert grid.cell({"first": 0.1, "second": 0.4}) == grid.cell({"first": 0.2, "second": 0.3}) == (1, 2)


def test_steps_are_legal_single_levels_and_go_both_ways(grid: Grid) -> None:
    for cell in grid:
        for step in grid.steps(cell):
            assert sum(abs(a - b) for a, b in zip(cell, step, strict=True)) == 1
            assert grid.space.contains(grid.plan(step))
            assert cell in grid.steps(step)
        assert grid.denser(cell) == [step for step in grid.steps(cell) if sum(step) < sum(cell)]


def test_order_forbids_steps() -> None:
    assert Grid(ORDERED).steps((0, 2, 2)) == [(0, 1, 2), (1, 2, 2), (0, 2, 3)]


def test_repair_sorts_groups_and_nothing_else() -> None:
    assert Grid(ORDERED).repair((4, 3, 1)) == (4, 1, 3)


def test_random_cells_are_legal(grid: Grid) -> None:
    rng = random.Random(0)
    drawn = {grid.random(rng) for _ in range(400)}
    assert drawn <= set(grid)
    assert len(drawn) > 5


def test_an_illegal_plan_has_no_cell() -> None:
    with pytest.raises(PlanError, match="may only get sparser"):
        Grid(ORDERED).cell({"second_1": 0.4, "second_2": 0.1})
