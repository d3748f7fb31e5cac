"""What every sampler promises. A new one joins by being in the table."""

import itertools
import subprocess
import sys

import pytest

from models.errors import PlanError
from models.plan import Plan
from models.space import Space
from search.errors import SamplerError
from search.samplers import SAMPLERS, Builder, Result
from tests.search.samplers.problems import ALIASED, NAMED, ORDERED, Bowl, play


@pytest.fixture(params=sorted(SAMPLERS))
def build(request: pytest.FixtureRequest) -> Builder:
    """Each sampler in turn."""
    return SAMPLERS[request.param]


PROBLEMS = {
    "ordered": lambda: Bowl(ORDERED, 26.5),
    "aliased": lambda: Bowl(ALIASED, 18.0),
    "named": lambda: Bowl(NAMED, 27.0),
}


@pytest.fixture(params=sorted(PROBLEMS))
def bowl(request: pytest.FixtureRequest) -> Bowl:
    """Each problem in turn."""
    return PROBLEMS[request.param]()


def test_asks_legal_canonical_feasible_plans_never_twice(build: Builder, bowl: Bowl) -> None:
    asked = [result.plan for result in play(build(bowl.problem, seed=1), bowl, rounds=5)]
    assert asked
    assert len(set(asked)) == len(asked)
    for plan in asked:
        assert bowl.space.contains(plan)
        assert bowl.space.canonical(plan) == plan
        assert bowl.latency([plan])[0] <= bowl.max_ms


def test_asks_for_no_more_than_requested(build: Builder, bowl: Bowl) -> None:
    sampler = build(bowl.problem, seed=0)
    assert len(sampler.ask(1)) == 1
    assert len(sampler.ask(4)) <= 4


def test_asking_twice_without_telling_gives_different_plans(build: Builder, bowl: Bowl) -> None:
    sampler = build(bowl.problem, seed=0)
    assert not set(sampler.ask(2)) & set(sampler.ask(2))


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"evolution-published"}))
@pytest.mark.parametrize(("space", "max_ms"), [(ALIASED, 17.0), (NAMED, 26.0)], ids=["aliased", "named"])
def test_finds_every_feasible_plan_and_then_says_so(name: str, space: Space, max_ms: float) -> None:
    bowl = Bowl(space, max_ms)
    sampler = SAMPLERS[name](bowl.problem, seed=2)
    asked = {result.plan for result in play(sampler, bowl, rounds=100, batch=4)}
    assert asked == bowl.feasible()
    assert sampler.ask(1) == []


def test_an_impossible_budget_is_exhausted_at_once(build: Builder) -> None:
    bowl = Bowl(ORDERED, 1.0)
    assert build(bowl.problem, seed=0).ask(3) == []


def test_a_single_feasible_plan_is_found(build: Builder) -> None:
    bowl = Bowl(ORDERED, min(Bowl(ORDERED, 1.0).latency(list(ORDERED))))
    assert build(bowl.problem, seed=0).ask(3) == [ORDERED.sparsest]


def test_same_seed_same_search(build: Builder, bowl: Bowl) -> None:
    first = play(build(bowl.problem, seed=3), bowl, rounds=5)
    second = play(build(bowl.problem, seed=3), bowl, rounds=5)
    assert first == second


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"exhaustive"}))
def test_other_seeds_search_otherwise(name: str) -> None:
    bowl = Bowl(ORDERED, 26.5)
    orders = {tuple(SAMPLERS[name](bowl.problem, seed=seed).ask(4)) for seed in range(5)}
    assert len(orders) > 1


def test_a_new_sampler_told_the_same_results_continues_the_search(build: Builder, bowl: Bowl) -> None:
    original = build(bowl.problem, seed=4)
    told = play(original, bowl, rounds=5)
    rebuilt = build(bowl.problem, seed=4)
    for result in told:
        rebuilt.tell([result])
    assert rebuilt.ask(3) == original.ask(3)


def test_a_sampler_rebuilt_by_replay_of_asks_and_tells_continues_the_search(build: Builder, bowl: Bowl) -> None:
    original, rebuilt = (build(bowl.problem, seed=4) for _ in range(2))
    told = play(original, bowl, rounds=4)
    archive = {result.plan: result for result in told}
    while archive:
        plans = rebuilt.ask(3)
        rebuilt.tell([archive.pop(plan) for plan in plans])
    assert rebuilt.ask(3) == original.ask(3)


def test_plans_from_an_archive_are_not_asked_again(build: Builder, bowl: Bowl) -> None:
    archive = list(itertools.islice(bowl.feasible(), 3))
    sampler = build(bowl.problem, seed=0)
    sampler.tell([bowl.result(plan) for plan in archive])
    assert not {result.plan for result in play(sampler, bowl, rounds=4)} & set(archive)


def test_an_alias_from_an_archive_counts_as_its_canonical_plan(build: Builder) -> None:
    bowl = Bowl(ALIASED, 100.0)
    alias = ALIASED.plan({"first": 0.2, "second": 0.4})
    sampler = build(bowl.problem, seed=0)
    sampler.tell([bowl.result(alias)])
    asked = {result.plan for result in play(sampler, bowl, rounds=12)}
    assert ALIASED.canonical(alias) not in asked
    assert asked


def test_survives_results_without_a_metric_and_measurements_over_the_budget(build: Builder, bowl: Bowl) -> None:
    sampler = build(bowl.problem, seed=5)
    seen: set[Plan] = set()
    for verdict in ("dropped", "slow", "dropped", "slow", "good"):
        plans = sampler.ask(3)
        assert not seen & set(plans)
        seen |= set(plans)
        for plan in plans:
            excess = 0.2 if verdict == "slow" else -0.1
            sampler.tell([Result(plan, bowl.metric(plan) if verdict == "good" else None, 10.0, excess)])
    assert seen


def test_results_may_come_late_and_out_of_order(build: Builder, bowl: Bowl) -> None:
    sampler = build(bowl.problem, seed=6)
    early, late = sampler.ask(2), sampler.ask(2)
    sampler.tell([bowl.result(plan) for plan in late])
    sampler.tell([bowl.result(plan) for plan in reversed(early)])
    assert not set(sampler.ask(3)) & {*early, *late}


def test_a_strange_plan_is_refused(build: Builder) -> None:
    sampler = build(Bowl(ORDERED, 26.5).problem, seed=0)
    with pytest.raises(PlanError, match="unknown knobs \\['stage9'\\]"):
        sampler.tell([Result(Plan.of({"stage9": 0.1}), 1.0, 1.0, -0.1)])


def test_a_result_with_nan_is_refused(build: Builder) -> None:
    sampler = build(Bowl(ORDERED, 26.5).problem, seed=0)
    with pytest.raises(SamplerError, match="must not hold NaN"):
        sampler.tell([Result(ORDERED.sparsest, float("nan"), 1.0, -0.1)])


def test_asking_for_nothing_is_refused(build: Builder) -> None:
    with pytest.raises(SamplerError, match="at least one plan; got n=0"):
        build(Bowl(ORDERED, 26.5).problem, seed=0).ask(0)


def test_the_table_loads_without_torch_ray_or_optuna() -> None:
    program = "import sys, search.samplers; sys.exit(bool({'torch', 'ray', 'optuna'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
