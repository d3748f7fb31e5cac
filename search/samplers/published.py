"""The published evolutionary search, draw for draw.

One random stream, population 100, 25 parents, no elitism, repeats allowed. It is here to be compared with: `evolution`
is the one to use. Source: SparseViT (arXiv 2303.17605), section 3.4; order of draws as in the authors' search loop.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from models.space import Space

Genes: TypeAlias = tuple[int, ...]
"""Value positions, one per knob, in the order of the space (0 = dense)."""


def draw(space: Space, rng: random.Random) -> Genes:
    """A uniform value per knob, in order; ordered groups are sorted afterwards."""
    return repair(space, tuple(rng.randrange(len(knob.values)) for knob in space.knobs))


def repair(space: Space, genes: Genes) -> Genes:
    """Genes with every ordered group sorted ascending."""
    return space.repair(genes)


def mutate(space: Space, parent: Genes, probability: float, rng: random.Random) -> Genes:
    """Replace each gene with `probability` by that of a complete random draw, which is taken first."""
    other = draw(space, rng)
    # the published comparison is "keep if above", so a draw of exactly `probability` mutates
    kept = (mine if rng.random() > probability else new for mine, new in zip(parent, other, strict=True))
    return repair(space, tuple(kept))


def crossover(space: Space, first: Genes, second: Genes, rng: random.Random) -> Genes:
    """Each gene from one of two parents, by a fair draw."""
    return repair(space, tuple(rng.choice(pair) for pair in zip(first, second, strict=True)))


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration of the loop: what was proposed, whether it met the window, and whether it became the best."""

    genes: Genes
    satisfied: bool
    is_best: bool


class PublishedEvolution:
    """State of the published loop.

    A step is `propose`, then `record`. Within a generation proposals do not depend on metrics, so a metric may follow
    later by `score`; `is_ready` says whether the next proposal has all it needs.

    Args:
        space: the space.
        rng: the one stream; `random.Random(seed)` equals the published `random.seed(seed)`.
        population_size: feasible members that complete a generation.
        candidate_size: parents, the best of a generation.
        mutation_probability: chance per gene.
    """

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        *,
        population_size: int = 100,
        candidate_size: int = 25,
        mutation_probability: float = 0.1,
    ) -> None:
        self.space, self.rng = space, rng
        self.population_size, self.candidate_size = population_size, candidate_size
        self.mutation_probability = mutation_probability
        self.population: list[Genes] = []
        self.candidates: list[Genes] = []
        self.satisfied: dict[Genes, bool] = {}
        self.metrics: dict[Genes, float] = {}
        self.best: Genes | None = None

    @property
    def is_ready(self) -> bool:
        """Whether `propose` can work: no generation is complete, or all its metrics are known."""
        return not self._is_generation_complete or all(genes in self.metrics for genes in self.population)

    def propose(self) -> Genes:
        """The next configuration; may be one seen before."""
        if self._is_generation_complete:
            by_metric = sorted(self.population, key=self.metrics.__getitem__, reverse=True)
            self.candidates, self.population = by_metric[: self.candidate_size], []
        if not self.candidates:
            return draw(self.space, self.rng)
        if len(self.population) < self.population_size / 2:
            return mutate(self.space, self.rng.choice(self.candidates), self.mutation_probability, self.rng)
        first, second = self.rng.sample(self.candidates, 2)
        return crossover(self.space, first, second, self.rng)

    def record(self, genes: Genes, satisfied: bool) -> None:
        """Enter a proposal; those that meet the window join the population, repeats too."""
        self.satisfied[genes] = satisfied
        if satisfied:
            self.population.append(genes)
        else:
            self.metrics[genes] = -math.inf

    def score(self, genes: Genes, metric: float) -> None:
        """Enter the metric of recorded genes."""
        self.metrics[genes] = metric

    def step(self, is_satisfied: Callable[[Genes], bool], metric: Callable[[Genes], float]) -> Step:
        """One whole published iteration; each function is called at most once per distinct genes.

        Args:
            is_satisfied: whether the latency lies in the window.
            metric: accuracy; called for satisfied genes only.
        """
        genes = self.propose()
        known = self.satisfied.get(genes)
        self.record(genes, is_satisfied(genes) if known is None else known)
        if genes not in self.metrics:
            self.score(genes, metric(genes))
        # ties replace, and before the first feasible genes minus infinity is a tie
        is_best = self.best is None or self.metrics[genes] >= self.metrics[self.best]
        if is_best:
            self.best = genes
        return Step(genes, self.satisfied[genes], is_best)

    @property
    def _is_generation_complete(self) -> bool:
        return len(self.population) >= self.population_size
