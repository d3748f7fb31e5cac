"""The ledger: what was told, what is out, and where a feasible plan that is neither can still be found."""

import heapq
import math
import random
from collections.abc import Callable, Iterable, Sequence

from models.plan import Plan
from search.errors import SamplerError
from search.samplers.grid import Cell, Grid
from search.samplers.protocol import Problem, Result

ENUMERABLE = 1_000_000
"""Spaces up to this many plans are listed when nearby plans run out; larger ones are only walked."""

REACH = 4096
"""Most cells that one walk looks at."""


class Ledger:
    """The memory that samplers share by composition.

    Args:
        problem: space and excess.
        seed: seed of every stream that `rng` hands out.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self.grid = Grid(problem.space)
        self.told: dict[Cell, Result] = {}
        self.out: dict[Cell, None] = {}
        self._problem = problem
        self._seed = seed
        self._excess: dict[Cell, float] = {}
        self._feasible: list[Cell] | None = None

    def tell(self, results: Sequence[Result]) -> None:
        """Enter results; see `Sampler.tell`."""
        for result in results:
            numbers = (result.metric or 0.0, result.latency_ms, result.excess)
            if any(map(math.isnan, numbers)):
                raise SamplerError(f"a result must not hold NaN (use metric=None for 'not evaluated'); got {result}")
            cell = self.grid.cell(result.plan)
            self.told[cell] = result
            self.out.pop(cell, None)

    def hand_out(self, cell: Cell) -> Plan:
        """Note that a cell was asked for; its plan."""
        self.out[cell] = None
        return self.grid.plan(cell)

    def rng(self) -> random.Random:
        """A stream that depends on the seed and on how many plans are told or out, and on nothing else."""
        return random.Random(f"{self._seed}:{len(self.told) + len(self.out)}")

    def excess(self, cells: Sequence[Cell]) -> list[float]:
        """`Problem.excess` of cells, asked once each and in one batch.

        Raises:
            SamplerError: the latency model gave NaN.
        """
        new = [cell for cell in dict.fromkeys(cells) if cell not in self._excess]
        if new:
            plans = [self.grid.plan(cell) for cell in new]
            for cell, plan, value in zip(new, plans, self._problem.excess(plans), strict=True):
                if math.isnan(value):
                    raise SamplerError(f"the latency model gave NaN for {plan}; refit it before searching")
                self._excess[cell] = value
        return [self._excess[cell] for cell in cells]

    def is_feasible(self, cell: Cell) -> bool:
        """Whether the latency model expects the budget to be met."""
        return self.excess([cell])[0] <= 0

    def is_open(self, cell: Cell) -> bool:
        """Whether a cell may be asked for: feasible, neither told nor out."""
        return cell not in self.told and cell not in self.out and self.is_feasible(cell)

    def feasible_from(self, start: Cell) -> Cell | None:
        """The feasible cell that a walk down the excess reaches first; `start` itself if it is feasible."""
        return self._walk(start, self.is_feasible)

    def open_from(self, start: Cell) -> Cell | None:
        """An open cell near `start`, or None when none is left that walking or listing can find.

        First a bounded walk: down the excess while over the budget, outwards once inside. Then, in spaces that can be
        listed, the open cell with the fewest levels changed.
        """
        near = self._walk(start, self.is_open)
        if near is None and self.feasible():
            left = (cell for cell in self.feasible() if self.is_open(cell))
            near = min(left, key=lambda cell: _distance(cell, start), default=None)
        return near

    def feasible(self) -> Sequence[Cell]:
        """Every feasible cell, dense first; empty in a space too large to list."""
        if self._feasible is None:
            listable = math.prod(self.grid.shape) <= ENUMERABLE
            cells = list(self.grid) if listable else []
            excess = self.excess(cells)
            self._feasible = [cell for cell, over in zip(cells, excess, strict=True) if over <= 0]
        return self._feasible

    def _walk(self, start: Cell, is_wanted: Callable[[Cell], bool]) -> Cell | None:
        found = {start}
        heap = [(max(self.excess([start])[0], 0.0), 0, start)]
        while heap:
            _, distance, cell = heapq.heappop(heap)
            if is_wanted(cell):
                return cell
            if len(found) < REACH:
                new = [step for step in self.grid.steps(cell) if step not in found]
                found.update(new)
                for over, step in zip(self.excess(new), new, strict=True):
                    heapq.heappush(heap, (max(over, 0.0), distance + 1, step))
        return None


def _distance(first: Iterable[int], second: Iterable[int]) -> int:
    return sum(abs(a - b) for a, b in zip(first, second, strict=True))
