"""What the improved evolution does that the published loop does not."""

from models.space import Space
from search.samplers import Result
from search.samplers.evolution import Evolution
from search.samplers.grid import Grid
from tests.search.samplers.problems import ORDERED, Bowl, play, ratios

WIDE = Space(ratios("a", "b", "c", "d", steps=9))


def test_children_of_one_parent_stay_near_it() -> None:
    bowl = Bowl(WIDE, 100.0)
    grid = Grid(WIDE)
    parent = (4, 4, 4, 4)
    sampler = Evolution(bowl.problem, 0, founders=1, parents=1, jump=0.0, fill=0.0)
    sampler.tell([bowl.result(grid.plan(parent))])
    moves = [sum(abs(a - b) for a, b in zip(grid.cell(plan), parent, strict=True)) for plan in sampler.ask(20)]
    assert 1 <= max(moves) <= 8
    assert sum(moves) / len(moves) < 4


def test_the_best_plan_stays_a_parent_for_ever() -> None:
    bowl = Bowl(WIDE, 100.0)
    grid = Grid(WIDE)
    best = (0, 0, 0, 8)
    sampler = Evolution(bowl.problem, 1, founders=1, parents=1, jump=0.0, fill=0.0)
    sampler.tell([Result(grid.plan(best), 99.0, 1.0, -0.1)])
    for _ in range(10):
        sampler.tell([Result(plan, 1.0, 1.0, -0.1) for plan in sampler.ask(2)])
    (child,) = sampler.ask(1)
    assert sum(abs(a - b) for a, b in zip(grid.cell(child), best, strict=True)) <= 8


def test_a_plan_measured_over_the_budget_is_no_parent_while_a_feasible_one_exists() -> None:
    bowl = Bowl(WIDE, 100.0)
    grid = Grid(WIDE)
    over, inside = (8, 8, 8, 8), (0, 0, 0, 0)
    sampler = Evolution(bowl.problem, 1, founders=1, parents=1, jump=0.0, fill=0.0)
    sampler.tell([Result(grid.plan(over), 99.0, 1.0, 0.2), Result(grid.plan(inside), 1.0, 1.0, -0.1)])
    for plan in sampler.ask(6):
        assert sum(grid.cell(plan)) < 16


def test_filled_children_use_up_the_budget() -> None:
    bowl = Bowl(WIDE, 30.0)
    grid = Grid(WIDE)
    for plan in Evolution(bowl.problem, 0, fill=1.0).ask(8):
        denser = [grid.plan(step) for step in grid.denser(grid.cell(plan))]
        assert all(excess > 0 for excess in bowl.excess(denser))


def test_finds_the_optimum_of_a_small_space_before_trying_half_of_it() -> None:
    bowl = Bowl(ORDERED, 26.5)
    best = max(bowl.feasible(), key=bowl.metric)
    for seed in range(10):
        told = play(Evolution(bowl.problem, seed), bowl, rounds=len(bowl.feasible()) // 6)
        assert best in {result.plan for result in told}
