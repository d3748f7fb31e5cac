"""Golden streams and traces of the published search: every draw is compared, and every total of the whole runs."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.adaptation import draw_adaptation_plan, draw_sequential_plan
from models.plan import Plan
from models.space import Knob, Space
from models.sparsevit_geometry import pruning_ratios
from search.samplers.published import Genes, PublishedEvolution, Step, crossover, draw, mutate, repair
from tests.golden_result import GoldenResult

NAMES = ("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3")
SPACE = Space(tuple(Knob(name, tuple(i / 10 for i in range(9))) for name in NAMES), (NAMES[2:5],))
"""The published space, every value a network of its own, as the original counted them."""

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Surface:
    """The closed-form latency and metric of a recorded run, evaluated left to right as they were recorded."""

    a: tuple[float, ...]
    b: tuple[float, ...]
    min_ms: float
    max_ms: float

    @classmethod
    def of(cls, trace: dict[str, Any]) -> "Surface":
        return cls(tuple(trace["a"]), tuple(trace["b"]), trace["min"], trace["max"])

    def latency(self, genes: Genes) -> float:
        """Milliseconds."""
        value = 47.8
        for a, gene in zip(self.a, genes, strict=True):
            value -= a * 10.0 * (gene / 10) * 0.25
        return value

    def metric(self, genes: Genes) -> float:
        """A synthetic accuracy."""
        value = 42.6
        for b, gene in zip(self.b, genes, strict=True):
            value -= b * (gene / 10) * (gene / 10)
        return value

    def is_satisfied(self, genes: Genes) -> bool:
        """Whether the latency lies in the window."""
        return self.min_ms <= self.latency(genes) <= self.max_ms

    def excess(self, plan: Plan) -> float:
        """Fraction by which a plan leaves the window; at most 0 inside."""
        latency = self.latency(SPACE.indices(plan))
        return max(latency / self.max_ms - 1, 1 - latency / self.min_ms)


def run(path: Path) -> list[GoldenResult]:
    """Every recorded stream and trace of `search_vectors.json`.

    Raises:
        OSError, KeyError, ValueError: the file is missing or is no such record.
    """
    recorded = json.loads(path.read_text())
    return [*_adaptation(recorded), *_operators(recorded), *_traces(recorded["traces"])]


def check_search_vectors(path: Path) -> list[tuple[str, float, float]]:
    """`run` as plain tuples (case, largest difference, tolerance)."""
    return [(result.case, result.difference, result.tolerance) for result in run(path)]


def _adaptation(recorded: dict[str, Any]) -> Iterator[GoldenResult]:
    streams = [(f"saa_sampler seed {one['seed']}", draw_adaptation_plan, one) for one in recorded["saa_sampler"]]
    streams.append(("saa_sampler_depth18", draw_adaptation_plan, recorded["saa_sampler_depth18"]))
    streams.append(("test_time_random_sampler", draw_sequential_plan, recorded["test_time_random_sampler"]))
    for case, sampler, stream in streams:
        rng = random.Random(stream["seed"])
        expected = stream["per_block_ratios_x10"]
        depths = tuple(len(stage) for stage in expected[0])
        drawn = [pruning_ratios(sampler(depths, rng), depths) for _ in expected]
        yield _compare(case, [[[ratio * 10 for ratio in stage] for stage in one] for one in drawn], expected)


def _operators(recorded: dict[str, Any]) -> Iterator[GoldenResult]:
    stream = recorded["search_sampler"]
    rng = random.Random(stream["seed"])
    yield _compare("search_sampler", [draw(SPACE, rng) for _ in stream["configs"]], stream["configs"])

    pairs = recorded["repair"]["pairs_in_out"]
    yield _compare("repair", [repair(SPACE, tuple(before)) for before, _ in pairs], [after for _, after in pairs])

    for case in ("mutate", "mutate_half"):
        stream = recorded[case]
        rng = random.Random(stream["seed"])
        pairs = stream["pairs_parent_child"]
        children = [mutate(SPACE, tuple(parent), stream["mutation_prob"], rng) for parent, _ in pairs]
        yield _compare(case, children, [child for _, child in pairs])

    stream = recorded["crossover"]
    rng = random.Random(stream["seed"])
    pairs = stream["pairs_parents_child"]
    children = [crossover(SPACE, tuple(one), tuple(other), rng) for (one, other), _ in pairs]
    yield _compare("crossover", children, [child for _, child in pairs])


def replay(trace: dict[str, Any]) -> tuple[PublishedEvolution, list[Step], dict[str, int]]:
    """A recorded run, run again: the loop, its steps, and its totals under their recorded names."""
    surface = Surface.of(trace)
    loop = PublishedEvolution(
        SPACE,
        random.Random(trace["seed"]),
        population_size=trace["population_size"],
        candidate_size=trace["candidate_size"],
        mutation_probability=trace["mutation_prob"],
    )
    totals = {"latency_calls": 0, "score_calls": 0}

    def is_satisfied(genes: Genes) -> bool:
        totals["latency_calls"] += 1
        return surface.is_satisfied(genes)

    def metric(genes: Genes) -> float:
        totals["score_calls"] += 1
        return surface.metric(genes)

    steps, seen, repeats = [], set(), []
    for _ in range(trace["num_iters"]):
        step = loop.step(is_satisfied, metric)
        if step.genes in seen:
            repeats.append(step)
        seen.add(step.genes)
        steps.append(step)
    totals["duplicate_steps"] = len(repeats)
    totals["duplicate_satisfied_steps"] = sum(step.satisfied for step in repeats)
    totals["num_satisfied"] = sum(step.satisfied for step in steps)
    return loop, steps, totals


def _traces(traces: Sequence[dict[str, Any]]) -> Iterator[GoldenResult]:
    for trace in traces:
        case = f"trace window {trace['min']:g}-{trace['max']:g}"
        surface = Surface.of(trace)
        loop, steps, totals = replay(trace)
        yield _compare(f"{case} steps", [(*one.genes, one.satisfied, one.is_best) for one in steps], trace["trace"])
        for name, total in totals.items():
            yield _compare(f"{case} {name}", [total], [trace[name]])
        yield _compare(f"{case} final_population", loop.population, trace["final_population"])
        yield _compare(f"{case} final_candidates", loop.candidates, trace["final_candidates"])
        best = loop.best or ()
        yield _compare(f"{case} best", best, trace["best"])
        yield _compare(f"{case} best_metric", [surface.metric(best)], [trace["best_metric"]])
        yield _compare(f"{case} best_latency", [surface.latency(best)], [trace["best_latency"]])


def _compare(case: str, actual: Iterable[Any], expected: Iterable[Any]) -> GoldenResult:
    ours, theirs = list(_leaves(actual)), list(_leaves(expected))
    if len(ours) != len(theirs):
        return GoldenResult(f"{case}: {len(ours)} numbers, expected {len(theirs)}", float("inf"), TOLERANCE)
    difference = max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=float("inf"))
    return GoldenResult(case, difference, TOLERANCE)


def _leaves(values: Iterable[Any]) -> Iterator[float]:
    for value in values:
        if isinstance(value, Iterable):
            yield from _leaves(value)
        else:
            yield float(value)
