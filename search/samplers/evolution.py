"""Evolution without the flaws of the published loop (see `published`).

(mu + lambda): the best plans ever told are the parents, so nothing good is forgotten. Children move by single levels,
are walked into the budget by the latency model instead of being rejected, and are never repeats.
"""

import random
from collections.abc import Sequence

from models.plan import Plan
from search.dominance import merit
from search.errors import SamplerError
from search.samplers.grid import Cell
from search.samplers.ledger import Ledger
from search.samplers.protocol import Problem, Result


class Evolution:
    """The improved evolution.

    Args:
        problem: what to solve.
        seed: seed of every draw.
        founders: random feasible plans before the first child.
        parents: size of the parent pool (mu).
        crossover: probability that a child has two parents.
        jump: probability that a mutation redraws a level instead of moving it by one.
        fill: probability that a child is made denser until the budget is used up.
        tries: children drawn before the nearest open plan is taken instead.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        founders: int = 8,
        parents: int = 5,
        crossover: float = 0.3,
        jump: float = 0.05,
        fill: float = 0.9,
        tries: int = 32,
    ) -> None:
        self._ledger = Ledger(problem, seed)
        self._founders, self._parents = founders, parents
        self._crossover, self._jump, self._fill, self._tries = crossover, jump, fill, tries

    def tell(self, results: Sequence[Result]) -> None:
        """See `Sampler.tell`."""
        self._ledger.tell(results)

    def ask(self, n: int) -> list[Plan]:
        """See `Sampler.ask`."""
        if n < 1:
            raise SamplerError(f"ask for at least one plan; got n={n}")
        ledger = self._ledger
        rng = ledger.rng()
        ranked = sorted(ledger.told, key=lambda cell: merit(ledger.told[cell]))
        plans: list[Plan] = []
        for _ in range(n):
            born = self._birth(ranked[: self._parents], rng)
            if born is None:
                break
            plans.append(ledger.hand_out(born))
        return plans

    def _birth(self, parents: Sequence[Cell], rng: random.Random) -> Cell | None:
        ledger = self._ledger
        founding = not parents or len(ledger.told) + len(ledger.out) < self._founders
        child = ledger.grid.random(rng)
        for _ in range(self._tries):
            child = ledger.grid.random(rng) if founding else self._mutate(self._mate(parents, rng), rng)
            feasible = ledger.feasible_from(child)
            if feasible is None:
                break
            child = self._densify(feasible, rng) if rng.random() < self._fill else feasible
            if ledger.is_open(child):
                return child
        return ledger.open_from(child if founding else parents[0])

    def _mate(self, parents: Sequence[Cell], rng: random.Random) -> Cell:
        # the better of two uniform ranks: mild pressure towards the front of the pool
        first, second = (parents[min(rng.randrange(len(parents)), rng.randrange(len(parents)))] for _ in range(2))
        if rng.random() >= self._crossover:
            return first
        return self._ledger.grid.repair(tuple(rng.choice(pair) for pair in zip(first, second, strict=True)))

    def _mutate(self, cell: Cell, rng: random.Random) -> Cell:
        """One move, and another with probability a half after each: budget-neutral trades need two."""
        grid = self._ledger.grid
        while True:
            if rng.random() < self._jump:
                slot = rng.randrange(len(cell))
                cell = grid.repair((*cell[:slot], rng.randrange(grid.shape[slot]), *cell[slot + 1 :]))
            else:
                cell = rng.choice(grid.steps(cell) or [cell])
            if rng.random() < 0.5:
                return cell

    def _densify(self, cell: Cell, rng: random.Random) -> Cell:
        """Random single steps towards dense while the budget allows one: unused latency rarely buys accuracy."""
        ledger = self._ledger
        while True:
            steps = ledger.grid.denser(cell)
            inside = [step for step, over in zip(steps, ledger.excess(steps), strict=True) if over <= 0]
            if not inside:
                return cell
            cell = rng.choice(inside)
