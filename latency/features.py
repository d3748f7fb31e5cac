"""Features of a plan for the latency model: what every knob leaves to compute, looked up in small tables.

A column depends on few knobs (for window pruning on one), so it is a table over their values. Features of many plans
are then look-ups, without computing the work of a single plan.
"""

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from latency.errors import PredictorError
from models.plan import Plan, Value
from models.space import Space
from models.work import BlockWork, Work

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
WorkOf: TypeAlias = Callable[[Plan], Work]
"""The work of a plan, such as `lambda plan: backbone.work(plan, input_size)`."""

PROBES = 24
LARGEST_TABLE = 200_000


@dataclass(frozen=True)
class Column:
    """One feature: a table over the values of the knobs it depends on.

    Args:
        name: "macs" or "sparse", and the blocks it sums over.
        kind: "macs": work left, 1 = dense; "sparse": share of the blocks that run the selection path; "pair": product
            of the work that two knobs left; "level": 1 for one value of one knob.
        slots: positions of those knobs in the space.
        table: one axis per knob; NaN where no legal plan lies.
    """

    name: str
    kind: str
    slots: tuple[int, ...]
    table: Floats

    def values(self, indices: Indices) -> Floats:
        """The feature of plans given as value positions (plans, knobs)."""
        return np.asarray(self.table[tuple(indices[:, slot] for slot in self.slots)], dtype=np.float64)


@dataclass(frozen=True)
class FeatureMap:
    """All features of a space, one row per plan: an intercept, then the columns.

    Args:
        space: the legal plans.
        columns: the features.
    """

    space: Space
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, space: Space, work: WorkOf, pairs: Sequence[tuple[str, str]] = ()) -> "FeatureMap":
        """Features of a backbone: per group of blocks that the same knobs govern, the MACs left and the sparse share.

        MACs are kept windows times MACs per window: linear in kept counts where cost is, and already quadratic where
        cost is quadratic.

        Args:
            pairs: knobs that are known to interact; each pair adds the product of what the two leave.
        Raises:
            PredictorError: a group of blocks depends on too many knobs to tabulate, or a pair names no knobs.
        """
        dense = work(space.dense).blocks
        columns = [
            _column(space, work, dense, kind, slots, blocks)
            for kind in ("macs", "sparse")
            for slots, blocks in _governed(space, work, kind).items()
        ]
        return cls(space, tuple(columns) + tuple(_pair(space, columns, *pair) for pair in pairs))

    def with_levels(self) -> "FeatureMap":
        """Also one column per value of every knob that governs blocks alone: tables for what work does not explain."""
        levels = []
        for column in self.columns:
            if column.kind == "macs" and len(column.slots) == 1:
                knob = self.space.knobs[column.slots[0]]
                networks = np.array([knob.canonical_index(position) for position in range(len(knob.values))])
                for network in np.unique(networks):
                    name = f"level {knob.name}={knob.values[network]}"
                    levels.append(Column(name, "level", column.slots, (networks == network).astype(np.float64)))
        return FeatureMap(self.space, self.columns + tuple(levels))

    @cached_property
    def level(self) -> NDArray[np.bool_]:
        """Which features are levels."""
        return np.array([False, *(column.kind == "level" for column in self.columns)])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return ("intercept", *(column.name for column in self.columns))

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """Features whose coefficient may be negative. More work never costs less time; selecting might."""
        return np.array([False, *(column.kind != "macs" for column in self.columns)])

    @cached_property
    def _positions(self) -> tuple[tuple[str, dict[Value, int]], ...]:
        return tuple((knob.name, {value: i for i, value in enumerate(knob.values)}) for knob in self.space.knobs)

    def indices(self, plans: Sequence[Mapping[str, Value]]) -> Indices:
        """Value positions, (plans, knobs).

        Raises:
            PredictorError: a plan has a knob or a value that the space has not.
        """
        rows = np.empty((len(plans), len(self._positions)), dtype=np.intp)
        names = self.space.names
        tables = [table for _, table in self._positions]
        for row, plan in enumerate(plans):
            try:
                # plans of a space list its knobs in order: no search per knob
                if isinstance(plan, Plan) and len(plan.knobs) == len(names):
                    rows[row] = [
                        table[value] if knob == name else self.space.indices(plan)[slot]
                        for slot, (name, table, (knob, value)) in enumerate(zip(names, tables, plan.knobs, strict=True))
                    ]
                else:
                    rows[row] = self.space.indices(self.space.plan(plan))
            except (KeyError, ValueError) as error:
                raise PredictorError(
                    f"plan {dict(plan)} does not belong to this space of {', '.join(names)}: {error}"
                ) from None
        return rows

    def matrix(self, indices: Indices) -> Floats:
        """Features, (plans, features), of plans given as value positions."""
        columns = [np.ones(len(indices)), *(column.values(indices) for column in self.columns)]
        return np.stack(columns, axis=1)

    def __call__(self, plans: Sequence[Mapping[str, Value]]) -> Floats:
        """Features of plans, (plans, features)."""
        return self.matrix(self.indices(plans))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` needs no backbone."""
        columns = [
            {
                "name": column.name,
                "kind": column.kind,
                "slots": list(column.slots),
                "shape": list(column.table.shape),
                "table": [None if np.isnan(x) else x for x in column.table.ravel().tolist()],
            }
            for column in self.columns
        ]
        return {"space": self.space.to_json(), "columns": columns}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FeatureMap":
        """Read what `to_dict` wrote."""
        columns = [
            Column(c["name"], c["kind"], tuple(c["slots"]), np.array(c["table"], dtype=np.float64).reshape(c["shape"]))
            for c in data["columns"]
        ]
        return cls(Space.from_json(data["space"]), tuple(columns))


def all_indices(space: Space) -> Indices:
    """Value positions of every legal plan, (plans, knobs), dense first: `iter(space)` without the plans."""
    return _legal(space, tuple(range(len(space.knobs))))


def _legal(space: Space, slots: tuple[int, ...]) -> Indices:
    """Every legal combination of the values of some knobs."""
    sizes = [len(space.knobs[slot].values) for slot in slots]
    if np.prod(sizes, dtype=float) > 50 * LARGEST_TABLE:
        names = [space.knobs[slot].name for slot in slots]
        raise PredictorError(f"knobs {names} have {np.prod(sizes, dtype=float):.3g} combinations; too many to tabulate")
    grid = np.indices(sizes).reshape(len(sizes), -1).T
    slot_of = {space.knobs[slot].name: place for place, slot in enumerate(slots)}
    keep = np.ones(len(grid), dtype=bool)
    for group in space.ordered:
        places = [slot_of[name] for name in group if name in slot_of]
        for first, second in itertools.pairwise(places):
            keep &= grid[:, first] <= grid[:, second]
    return grid[keep]


def _complete(space: Space, slots: tuple[int, ...], values: Sequence[int]) -> Plan:
    """A legal plan with these values: the other knobs dense, or as sparse as the order between knobs demands."""
    fixed = dict(zip(slots, values, strict=True))
    indices = [fixed.get(slot, 0) for slot in range(len(space.knobs))]
    for group in space.ordered:
        sparsest = 0
        for name in group:
            slot = space.names.index(name)
            sparsest = max(sparsest, indices[slot])
            indices[slot] = sparsest
    return space.at(tuple(indices))


def _measure(block: BlockWork, kind: str) -> float:
    return block.macs if kind == "macs" else float(block.sparse)


def _governed(space: Space, work: WorkOf, kind: str) -> dict[tuple[int, ...], list[int]]:
    """Which blocks each set of knobs governs, found by turning one knob at a time; blocks without any are left out."""
    rng = random.Random(0)
    bases = [space.dense, space.sparsest, *(space.random(rng) for _ in range(PROBES))]
    governors: list[set[int]] = [set() for _ in work(space.dense).blocks]
    for base in bases:
        here = work(base).blocks
        for plan in space.neighbours(base):
            pairs = zip(space.indices(base), space.indices(plan), strict=True)
            slot = next(slot for slot, (before, after) in enumerate(pairs) if before != after)
            for block, (before, after) in enumerate(zip(here, work(plan).blocks, strict=True)):
                if _measure(before, kind) != _measure(after, kind):
                    governors[block].add(slot)
    groups: dict[tuple[int, ...], list[int]] = {}
    for block, slots in enumerate(governors):
        if slots:
            groups.setdefault(tuple(sorted(slots)), []).append(block)
    return groups


def _column(
    space: Space, work: WorkOf, dense: Sequence[BlockWork], kind: str, slots: tuple[int, ...], blocks: list[int]
) -> Column:
    combinations = _legal(space, slots)
    if len(combinations) > LARGEST_TABLE:
        raise PredictorError(
            f"blocks {blocks} depend on {len(slots)} knobs with {len(combinations)} combinations; too many"
        )
    table = np.full([len(space.knobs[slot].values) for slot in slots], np.nan)
    # both kinds are 1 at most, so that one strength of ridge suits all
    scale = sum(dense[block].macs for block in blocks) if kind == "macs" else len(blocks)
    for values in combinations.tolist():
        done = work(_complete(space, slots, values)).blocks
        table[tuple(values)] = sum(_measure(done[block], kind) for block in blocks) / scale
    names = "+".join(space.knobs[slot].name for slot in slots)
    return Column(f"{kind} {names}", kind, slots, table)


def _pair(space: Space, columns: Sequence[Column], first: str, second: str) -> Column:
    found = []
    for name in (first, second):
        slot = space.names.index(name) if name in space.names else -1
        own = [column for column in columns if column.kind == "macs" and column.slots == (slot,)]
        if not own:
            raise PredictorError(
                f"{name!r} is no knob that governs blocks of its own; choose two of {', '.join(space.names)}"
            )
        found.append(own[0])
    a, b = found
    return Column(f"pair {first} x {second}", "pair", (*a.slots, *b.slots), np.multiply.outer(a.table, b.table))
