"""A space as a grid of integers without aliases: what samplers move on.

Values that keep the same count are one network, so each knob has one *level* per distinct count, 0 = dense. A `Cell`
names one level per knob; cells and canonical plans correspond one to one.
"""

import bisect
import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import TypeAlias

from models.plan import Plan, Value
from models.space import Space

Cell: TypeAlias = tuple[int, ...]
"""One level per knob, in the order of the space."""


class Grid:
    """The canonical plans of a space, as cells.

    Args:
        space: the space.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._positions = tuple(
            tuple(sorted({knob.canonical_index(i) for i in range(len(knob.values))})) for knob in space.knobs
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of levels of each knob."""
        return tuple(len(positions) for positions in self._positions)

    def plan(self, cell: Cell) -> Plan:
        """The canonical plan of a cell."""
        return self.space.at(self._indices(cell))

    def cell(self, plan: Mapping[str, Value]) -> Cell:
        """The cell of a legal plan; aliases share one.

        Raises:
            PlanError: the plan does not belong to the space.
        """
        return self._cell(self.space.indices(self.space.plan(plan)))

    def repair(self, cell: Cell) -> Cell:
        """The legal cell with every ordered group sorted from dense to sparse."""
        return self._cell(self.space.repair(self._indices(cell)))

    def random(self, rng: random.Random) -> Cell:
        """Independent uniform levels, then `repair`."""
        return self.repair(tuple(rng.randrange(levels) for levels in self.shape))

    def steps(self, cell: Cell) -> list[Cell]:
        """Legal cells one level away in one knob: denser first, in the order of the knobs."""
        return [*self._moved(cell, -1), *self._moved(cell, 1)]

    def denser(self, cell: Cell) -> list[Cell]:
        """Legal cells one level denser in one knob."""
        return self._moved(cell, -1)

    def __iter__(self) -> Iterator[Cell]:
        """Every legal cell, dense first."""
        return (cell for cell in product(*map(range, self.shape)) if self.repair(cell) == cell)

    def _moved(self, cell: Cell, by: int) -> list[Cell]:
        moved = []
        for slot, levels in enumerate(self.shape):
            level = cell[slot] + by
            if 0 <= level < levels:
                there = (*cell[:slot], level, *cell[slot + 1 :])
                if self.repair(there) == there:
                    moved.append(there)
        return moved

    def _indices(self, cell: Cell) -> tuple[int, ...]:
        return tuple(positions[level] for positions, level in zip(self._positions, cell, strict=True))

    def _cell(self, indices: tuple[int, ...]) -> Cell:
        pairs = zip(self.space.knobs, self._positions, indices, strict=True)
        return tuple(bisect.bisect_left(positions, knob.canonical_index(i)) for knob, positions, i in pairs)
