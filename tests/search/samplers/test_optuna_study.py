"""What Optuna is shown, and that it is heard."""

import statistics

import optuna
import pytest
from optuna.trial import TrialState

from models.space import Space
from search.samplers import Builder, Problem, Result, Sampler
from search.samplers.grid import Cell
from search.samplers.optuna_study import OptunaSampler, nsga2, tpe, uniform
from tests.search.samplers.problems import ORDERED, Bowl, play, ratios

WIDE = Space(ratios("a", "b", "c", "d", steps=9))


class Spy(optuna.samplers.RandomSampler):
    """Notes the trials it can see at each proposal."""

    def __init__(self, seen: list[list[optuna.trial.FrozenTrial]], seed: int) -> None:
        super().__init__(seed)
        self.seen = seen

    def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        self.seen.append([one for one in study.get_trials(deepcopy=False) if one.number != trial.number])


def spied(problem: Problem) -> tuple[OptunaSampler, list[list[optuna.trial.FrozenTrial]]]:
    seen: list[list[optuna.trial.FrozenTrial]] = []
    return OptunaSampler(problem, 0, lambda seed: Spy(seen, seed)), seen


def cell_of(trial: optuna.trial.FrozenTrial) -> Cell:
    return tuple(trial.params.values())


def test_optuna_sees_what_was_told_with_its_constraint() -> None:
    bowl = Bowl(ORDERED, 26.5)
    sampler, seen = spied(bowl.problem)
    good, slow = ORDERED.at((4, 4, 4)), ORDERED.at((3, 4, 4))
    sampler.tell([bowl.result(good), Result(slow, 40.0, 27.0, 0.02)])
    sampler.ask(1)
    trials = {cell_of(trial): trial for trial in seen[0]}
    assert trials[4, 4, 4].value == bowl.metric(good)
    assert trials[4, 4, 4].constraints == {"budget": bowl.result(good).excess}
    assert trials[3, 4, 4].value == 40.0
    assert trials[3, 4, 4].constraints == {"budget": 0.02}


def test_optuna_learns_the_budget_for_free() -> None:
    bowl = Bowl(ORDERED, 22.0)
    sampler, seen = spied(bowl.problem)
    sampler.ask(1)
    over = [trial for trial in seen[0] if trial.state is TrialState.COMPLETE]
    assert over
    assert all(trial.constraints["budget"] > 0 for trial in over)
    assert {cell_of(trial) for trial in over} & {ORDERED.indices(plan) for plan in bowl.feasible()} == set()


def test_what_is_out_is_running_and_ordered() -> None:
    bowl = Bowl(ORDERED, 100.0)
    sampler, seen = spied(bowl.problem)
    first = sampler.ask(3)
    sampler.ask(1)
    running = {cell_of(trial) for trial in seen[-1] if trial.state is TrialState.RUNNING}
    assert running == {ORDERED.indices(plan) for plan in first}
    assert all(second_1 <= second_2 for _, second_1, second_2 in running)


def test_a_batch_is_proposed_in_the_sight_of_its_own_earlier_plans() -> None:
    sampler, seen = spied(Bowl(ORDERED, 100.0).problem)
    plans = sampler.ask(3)
    running = {cell_of(trial) for trial in seen[-1] if trial.state is TrialState.RUNNING}
    assert running >= {ORDERED.indices(plan) for plan in plans[:2]}


def test_plans_without_a_metric_get_a_number_that_fits_their_fate() -> None:
    bowl = Bowl(WIDE, 100.0)
    sampler, seen = spied(bowl.problem)
    cells = [(i, j, 4, 4) for i in range(4) for j in range(4)]
    # a plane: 40 less one point per level of the first knob
    sampler.tell([Result(WIDE.at(cell), 40.0 - cell[0], 1.0, -0.1) for cell in cells])
    sampler.tell([Result(WIDE.at((8, 8, 8, 8)), None, 1.0, -0.1), Result(WIDE.at((2, 8, 4, 4)), None, 1.0, 0.3)])
    sampler.ask(1)
    values = {cell_of(trial): trial.value for trial in seen[0]}
    assert values[8, 8, 8, 8] == 37.0  # dropped: the worst
    assert values[2, 8, 4, 4] == pytest.approx(38.0, abs=0.1)  # over the budget: where the plane is


@pytest.mark.parametrize("build", [tpe, nsga2])
def test_learns_better_than_chance(build: Builder) -> None:
    bowl = Bowl(WIDE, 25.0)

    def late(sampler: Sampler) -> float:
        metrics = [result.metric for result in play(sampler, bowl, rounds=20, batch=4)]
        return statistics.fmean(metric for metric in metrics[-20:] if metric is not None)

    chance = statistics.fmean(late(uniform(bowl.problem, seed)) for seed in range(2))
    assert statistics.fmean(late(build(bowl.problem, seed)) for seed in range(2)) > chance + 0.05


def test_nsga2_breeds_from_told_plans() -> None:
    bowl = Bowl(WIDE, 100.0)
    sampler = nsga2(bowl.problem, 0, population=4)
    # the last two knobs never vary among the parents, so that children mostly keep them
    sampler.tell([bowl.result(WIDE.at((i, i, 0, 8))) for i in range(4)])
    children = [WIDE.indices(plan) for plan in sampler.ask(8)]
    assert sum(cell[2:] == (0, 8) for cell in children) >= 3


def test_leaves_the_log_level_of_the_caller_alone(caplog: pytest.LogCaptureFixture) -> None:
    before = optuna.logging.get_verbosity()
    tpe(Bowl(ORDERED, 26.5).problem, 0).ask(2)
    assert optuna.logging.get_verbosity() == before
    assert caplog.records == []
