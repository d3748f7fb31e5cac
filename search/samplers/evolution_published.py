"""The published loop behind the sampler seam: what it would evaluate next, with feasibility for free."""

import math
import random
from collections.abc import Sequence

from models.plan import Plan
from search.errors import SamplerError
from search.samplers.grid import Cell
from search.samplers.ledger import Ledger
from search.samplers.protocol import Problem, Result
from search.samplers.published import Genes, PublishedEvolution


class EvolutionPublished:
    """Runs the published iterations up to each one that would call for an accuracy.

    Whether a plan meets the budget is taken from the latency model when the loop meets it, as the published cache does;
    a plan told later to be over the budget stays in the population with the worst metric.

    Args:
        problem: what to solve.
        seed: seed of the one random stream.
        iterations: length of the published run, repeats and infeasible draws included.
        population_size, candidate_size, mutation_probability: see `PublishedEvolution`.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        iterations: int = 10_000,
        population_size: int = 100,
        candidate_size: int = 25,
        mutation_probability: float = 0.1,
    ) -> None:
        self._ledger = Ledger(problem, seed)
        self._left = iterations
        self._aliases: dict[Cell, list[Genes]] = {}
        self._loop = PublishedEvolution(
            problem.space,
            random.Random(seed),
            population_size=population_size,
            candidate_size=candidate_size,
            mutation_probability=mutation_probability,
        )

    def tell(self, results: Sequence[Result]) -> None:
        """See `Sampler.tell`."""
        self._ledger.tell(results)
        for result in results:
            cell = self._ledger.grid.cell(result.plan)
            for genes in self._aliases.get(cell, ()):
                self._loop.score(genes, _metric(result))

    def ask(self, n: int) -> list[Plan]:
        """See `Sampler.ask`. A batch ends with the generation: its metrics choose the next parents."""
        if n < 1:
            raise SamplerError(f"ask for at least one plan; got n={n}")
        plans: list[Plan] = []
        while len(plans) < n and self._left and self._loop.is_ready:
            self._left -= 1
            genes = self._loop.propose()
            known = self._loop.satisfied.get(genes)
            if known is not None:
                self._loop.record(genes, known)
                continue
            cell = self._ledger.grid.cell(self._loop.space.at(genes))
            satisfied = self._ledger.is_feasible(cell)
            self._loop.record(genes, satisfied)
            if satisfied:
                self._aliases.setdefault(cell, []).append(genes)
                if cell in self._ledger.told:
                    self._loop.score(genes, _metric(self._ledger.told[cell]))
                elif cell not in self._ledger.out:
                    plans.append(self._ledger.hand_out(cell))
        return plans


def _metric(result: Result) -> float:
    return -math.inf if result.metric is None or result.excess > 0 else result.metric
