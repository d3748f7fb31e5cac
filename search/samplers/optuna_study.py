"""Optuna's samplers behind our seam: Optuna proposes, the ledger decides.

A study lives in memory for one `ask` and is rebuilt from the ledger, so there is no state to lose: resuming is telling.
Optuna never sees a plan that is not legal as a success, and learns about the budget for free, from the latency model:
plans over it are recorded with their constraint violated and without an accuracy.
"""

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from models.plan import Plan
from search.errors import SamplerError
from search.samplers.grid import Cell
from search.samplers.ledger import Ledger
from search.samplers.protocol import Problem, Result

if TYPE_CHECKING:  # Optuna takes a second to import, and its Gaussian process imports torch: only who asks waits
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

MakeSampler: TypeAlias = Callable[[int], "BaseSampler"]
"""An Optuna sampler for a seed."""

SCOUTS = 32
"""Random plans whose feasibility is looked up, for free, to show Optuna the budget from the first proposal on."""


class OptunaSampler:
    """Asks an Optuna sampler for cells of the grid.

    Args:
        problem: what to solve.
        seed: seed of every draw.
        make: builds the Optuna sampler.
        tries: proposals per plan before the open plan nearest to the last one is taken.
        generation: plans per generation, for genetic samplers; None for the others.
    """

    def __init__(
        self, problem: Problem, seed: int, make: MakeSampler, *, tries: int = 8, generation: int | None = None
    ) -> None:
        self._ledger = Ledger(problem, seed)
        self._seed, self._make, self._tries, self._generation = seed, make, tries, generation
        self._names = problem.space.names
        self._plane: tuple[int, Callable[[Cell], float]] = (0, lambda cell: 0.0)

    def tell(self, results: Sequence[Result]) -> None:
        """See `Sampler.tell`."""
        self._ledger.tell(results)

    def ask(self, n: int) -> list[Plan]:
        """See `Sampler.ask`."""
        if n < 1:
            raise SamplerError(f"ask for at least one plan; got n={n}")
        study = self._rebuild()
        plans: list[Plan] = []
        for _ in range(n):
            cell = self._propose(study)
            if cell is None:
                break
            study.add_trial(self._trial(cell))
            plans.append(self._ledger.hand_out(cell))
        return plans

    def _propose(self, study: "Study") -> Cell | None:
        from optuna.trial import TrialState

        ledger = self._ledger
        cell = (0,) * len(self._names)
        for _ in range(self._tries):
            trial = study.ask(dict(self._levels))
            cell = ledger.grid.repair(tuple(trial.params[name] for name in self._names))
            # the proposal itself is withdrawn: what enters the study is the repaired cell, with what is known of it
            study.tell(trial, state=TrialState.FAIL)
            if ledger.is_open(cell):
                return cell
            if ledger.is_feasible(cell):
                break  # a repeat: Optuna has converged here, so take the nearest plan that is none
            study.add_trial(self._trial(cell, self._guess(cell)))
        return ledger.open_from(cell)

    def _rebuild(self) -> "Study":
        import optuna

        ledger = self._ledger
        with _quiet():
            study = optuna.create_study(direction="maximize", sampler=self._make(ledger.rng().getrandbits(32)))
        study.add_trials([self._trial(cell, self._guess(cell)) for cell in self._scouts if cell not in ledger.told])
        worst = min((result.metric for result in ledger.told.values() if result.metric is not None), default=0.0)
        for position, (cell, result) in enumerate(ledger.told.items()):
            # a plan inside the budget without a metric was dropped for being hopeless
            stand_in = self._guess(cell) if result.excess > 0 else worst
            value = stand_in if result.metric is None else result.metric
            study.add_trial(self._trial(cell, value, result.excess, position))
        study.add_trials([self._trial(cell) for cell in ledger.out])
        return study

    @cached_property
    def _scouts(self) -> list[Cell]:
        """Random cells over the budget."""
        rng = random.Random(f"scouts:{self._seed}")
        cells = list(dict.fromkeys(self._ledger.grid.random(rng) for _ in range(SCOUTS)))
        return [cell for cell, over in zip(cells, self._ledger.excess(cells), strict=True) if over > 0]

    def _trial(
        self, cell: Cell, value: float | None = None, excess: float | None = None, position: int | None = None
    ) -> "FrozenTrial":
        """A cell as Optuna records it: running without a value, else finished; excess as told, else as predicted."""
        from optuna.trial import TrialState, create_trial

        mark: dict[str, int] = {}
        if self._generation is not None and position is not None:
            # Optuna's NSGA-II breeds only from trials that carry its own mark
            mark["NSGAIISampler:generation"] = position // self._generation
        return create_trial(
            state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
            value=value,
            params=dict(zip(self._names, cell, strict=True)),
            distributions=dict(self._levels),
            constraints={"budget": self._ledger.excess([cell])[0] if excess is None else excess},
            system_attrs=mark,
        )

    @cached_property
    def _levels(self) -> "dict[str, BaseDistribution]":
        from optuna.distributions import IntDistribution

        shape = self._ledger.grid.shape
        return {name: IntDistribution(0, count - 1) for name, count in zip(self._names, shape, strict=True)}

    def _guess(self, cell: Cell) -> float:
        """Accuracy that a plane through the told metrics gives a cell.

        Optuna wants a number for plans over the budget too. A constant would carve a step into a fitted surface just
        where the best plans lie; the plane leaves it alone, so that only the constraint speaks against the plan.
        """
        known = [(cell, result.metric) for cell, result in self._ledger.told.items() if result.metric is not None]
        if not known:
            return 0.0
        if len(known) != self._plane[0]:
            self._plane = len(known), _plane(known)
        return self._plane[1](cell)


def _plane(points: Sequence[tuple[Cell, float]]) -> Callable[[Cell], float]:
    """Least squares through points, slightly ridged because the first few do not span the space."""
    import numpy as np

    cells = np.array([cell for cell, _ in points], dtype=float)
    metrics = np.array([metric for _, metric in points])
    centred = cells - cells.mean(axis=0)
    normal = centred.T @ centred + 0.5 * np.eye(cells.shape[1])
    slope = np.linalg.solve(normal, centred.T @ (metrics - metrics.mean()))

    def height(cell: Cell) -> float:
        return float(metrics.mean() + (np.array(cell) - cells.mean(axis=0)) @ slope)

    return height


@contextmanager
def _quiet() -> Iterator[None]:
    """No line in the log per study, and no warning that a part of Optuna is experimental."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def tpe(problem: Problem, seed: int) -> OptunaSampler:
    """Tree-structured Parzen estimator."""

    def make(stream: int) -> "BaseSampler":
        from optuna.samplers import TPESampler

        return TPESampler(seed=stream)

    return OptunaSampler(problem, seed, make)


def nsga2(problem: Problem, seed: int, *, population: int = 20) -> OptunaSampler:
    """NSGA-II under constrained dominance, with accuracy as its one objective."""

    def make(stream: int) -> "BaseSampler":
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(population_size=population, seed=stream)

    return OptunaSampler(problem, seed, make, generation=population)


def gp(problem: Problem, seed: int) -> OptunaSampler:
    """Gaussian process: expected improvement times the probability of feasibility. Imports torch when first asked."""

    def make(stream: int) -> "BaseSampler":
        from optuna.samplers import GPSampler

        return GPSampler(seed=stream)

    return OptunaSampler(problem, seed, make)


def uniform(problem: Problem, seed: int) -> OptunaSampler:
    """Uniform draws: the floor that every other sampler must beat."""

    def make(stream: int) -> "BaseSampler":
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=stream)

    # plans over the budget cost nothing here, and taking the nearest one instead would favour its border
    return OptunaSampler(problem, seed, make, tries=64)
