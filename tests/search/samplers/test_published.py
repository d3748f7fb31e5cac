"""The published loop: draw for draw against recorded runs, and the sampler that wraps it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from search.samplers import Problem, Result
from search.samplers.evolution import Evolution
from search.samplers.evolution_published import EvolutionPublished
from search.samplers.published import PublishedEvolution, crossover, draw, mutate
from tests import golden_search
from tests.golden_result import GoldenResult
from tests.golden_search import SPACE, Surface, replay
from tests.search.samplers.problems import ALIASED, ORDERED, Bowl, play

GOLDEN = Path(__file__).parents[2] / "golden/sparsevit/search_vectors.json"
TRACES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())["traces"]
WINDOWS = [f"{trace['min']:g}-{trace['max']:g}" for trace in TRACES]
OPTIMA = {"37-42": 42.35238, "33-36": 41.63795, "38-39": 42.06265}
"""By enumeration of all 120,285 plans."""

CASES = golden_search.run(GOLDEN)


def test_every_stream_and_trace_is_compared() -> None:
    assert len(CASES) == 4 + 5 + 11 * len(TRACES)
    assert [row[0] for row in golden_search.check_search_vectors(GOLDEN)] == [case.case for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_draws_equal_the_recorded_ones(case: GoldenResult) -> None:
    assert case.difference <= case.tolerance


def test_a_changed_record_is_noticed(tmp_path: Path) -> None:
    changed = json.loads(GOLDEN.read_text())
    changed["crossover"]["pairs_parents_child"][7][1][0] += 1
    changed["traces"][1]["score_calls"] += 1
    changed["traces"][2]["trace"].pop()
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    failed = [case.case for case in golden_search.run(tmp_path / "changed.json") if case.difference > case.tolerance]
    steps = "trace window 38-39 steps: 2400 numbers, expected 2392"
    assert failed == ["crossover", "trace window 33-36 score_calls", steps]


def test_a_private_generator_draws_like_the_seeded_global_one() -> None:
    random.seed(11)
    expected = [random.randrange(9) for _ in range(20)]
    rng = random.Random(11)
    assert [rng.randrange(9) for _ in range(20)] == expected


def test_space_random_is_the_published_draw() -> None:
    ours, theirs = random.Random(2), random.Random(2)
    assert all(SPACE.indices(SPACE.random(ours)) == draw(SPACE, theirs) for _ in range(50))


def test_mutation_with_probability_zero_keeps_the_parent_but_uses_up_the_stream() -> None:
    rng, other = random.Random(0), random.Random(0)
    parent = (1, 2, 3, 4, 5, 6)
    assert mutate(SPACE, parent, 0.0, rng) == parent
    draw(SPACE, other)
    for _ in parent:
        other.random()
    assert rng.getstate() == other.getstate()


def test_crossover_of_equals_is_the_parent() -> None:
    assert crossover(SPACE, (1, 2, 3, 4, 5, 6), (1, 2, 3, 4, 5, 6), random.Random(0)) == (1, 2, 3, 4, 5, 6)


def test_a_complete_generation_waits_for_its_metrics() -> None:
    loop = PublishedEvolution(SPACE, random.Random(0), population_size=2, candidate_size=2)
    for _ in range(2):
        loop.record(loop.propose(), satisfied=True)
    waiting = loop.is_ready
    for genes in loop.population:
        loop.score(genes, 1.0)
    assert (waiting, loop.is_ready) == (False, True)
    members = list(loop.population)
    loop.propose()
    assert loop.candidates == members


def problem_of(trace: dict[str, Any]) -> tuple[Surface, Problem]:
    surface = Surface.of(trace)
    return surface, Problem(
        SPACE,
        excess=lambda plans: [surface.excess(plan) for plan in plans],
        latency=lambda plans: [surface.latency(SPACE.indices(plan)) for plan in plans],
    )


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("trace", TRACES, ids=WINDOWS)
def test_the_sampler_evaluates_what_the_published_run_evaluated_in_its_order(trace: dict[str, Any], batch: int) -> None:
    _, steps, totals = replay(trace)
    expected = list(dict.fromkeys(step.genes for step in steps if step.satisfied))
    surface, problem = problem_of(trace)
    sampler = EvolutionPublished(
        problem,
        trace["seed"],
        iterations=trace["num_iters"],
        population_size=trace["population_size"],
        candidate_size=trace["candidate_size"],
        mutation_probability=trace["mutation_prob"],
    )
    evaluated = []
    while plans := sampler.ask(batch):
        genes = [SPACE.indices(plan) for plan in plans]
        evaluated += genes
        sampler.tell(
            [Result(p, surface.metric(g), surface.latency(g), -0.1) for p, g in zip(plans, genes, strict=True)]
        )
    assert evaluated == expected
    assert len(evaluated) == totals["score_calls"] == trace["score_calls"]


def test_genes_that_are_one_network_are_evaluated_once() -> None:
    bowl = Bowl(ALIASED, 100.0)
    sampler = EvolutionPublished(bowl.problem, 0, population_size=40, candidate_size=5, iterations=400)
    asked = [result.plan for result in play(sampler, bowl, rounds=100)]
    assert len(asked) == len(set(asked)) <= 9


def evaluations_to(target: float, sampler: Evolution, surface: Surface, limit: int) -> int:
    """Evaluations, asked four at a time, until the metric reaches the target."""
    used = 0
    while used < limit:
        results = []
        for plan in sampler.ask(4):
            genes = SPACE.indices(plan)
            used += 1
            if surface.metric(genes) >= target - 1e-9:
                return used
            results.append(Result(plan, surface.metric(genes), surface.latency(genes), surface.excess(plan)))
        sampler.tell(results)
    raise AssertionError(f"{target} was not reached in {limit} evaluations")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trace", TRACES, ids=WINDOWS)
def test_improved_evolution_reaches_the_published_best_with_fewer_evaluations(trace: dict[str, Any], seed: int) -> None:
    surface, problem = problem_of(trace)
    needed = evaluations_to(trace["best_metric"], Evolution(problem, seed), surface, trace["score_calls"])
    assert needed < trace["score_calls"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trace", TRACES, ids=WINDOWS)
def test_improved_evolution_reaches_the_true_optimum(trace: dict[str, Any], seed: int) -> None:
    surface, problem = problem_of(trace)
    optimum = OPTIMA[f"{trace['min']:g}-{trace['max']:g}"]
    assert evaluations_to(optimum, Evolution(problem, seed), surface, limit=250) <= 250


def test_a_plan_measured_over_the_budget_is_the_last_choice_of_parents() -> None:
    bowl = Bowl(ORDERED, 100.0)
    children = 0
    for seed in range(20):
        sampler = EvolutionPublished(
            bowl.problem, seed, population_size=4, candidate_size=2, mutation_probability=0.0, iterations=60
        )
        over, *inside = sampler.ask(4)
        sampler.tell([Result(over, 99.0, 40.0, 0.3)])
        sampler.tell([Result(plan, float(rank), 20.0, -0.1) for rank, plan in enumerate(inside)])
        levels = [set(pair) for pair in zip(*map(ORDERED.indices, inside[1:]), strict=True)]
        for plan in sampler.ask(3):
            # without mutation, children hold nothing but the levels of the two best plans inside the budget
            first, *second = ORDERED.indices(plan)
            assert first in levels[0]
            assert set(second) <= levels[1] | levels[2]
            children += 1
    assert children > 5
