"""The space: the knobs of a backbone at one input size, their legal values and the order between them, as data."""

import itertools
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import PlanError
from models.plan import Plan, Value


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob.

    Args:
        name: its name inside a plan.
        values: legal values, from dense (first) to sparsest (last).
        counts: what each value keeps (windows, tokens, ...) at the input size of the space. Values that keep
            the same count are the same network. None: every value is a network of its own.
    """

    name: str
    values: tuple[Value, ...]
    counts: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) != len(self.values):
            raise PlanError(f"knob {self.name}: values must be distinct and not empty; got {self.values}")
        if self.counts is not None and len(self.counts) != len(self.values):
            raise PlanError(f"knob {self.name}: {len(self.values)} values need as many counts; got {len(self.counts)}")

    def index(self, value: Value) -> int:
        """Position of `value`, 0 = dense.

        Raises:
            PlanError: the value is not legal.
        """
        # a bool equals 0 or 1 in Python; a knob of numbers must not take one by accident
        for position, legal in enumerate(self.values):
            if legal == value and isinstance(legal, bool) == isinstance(value, bool):
                return position
        legal_values = ", ".join(map(repr, self.values))
        raise PlanError(f"{self.name}={value!r} is not legal; choose one of {legal_values}")

    def canonical_index(self, position: int) -> int:
        """Smallest position that keeps the same count."""
        return position if self.counts is None else self.counts.index(self.counts[position])


@dataclass(frozen=True, slots=True)
class Space:
    """Every legal plan: the product of the knobs, less what the ordering constraints forbid.

    Args:
        knobs: the knobs, in plan order.
        ordered: groups of knob names; inside a group positions may not decrease (later is never denser).
        input_size: (height, width) in pixels that the counts belong to, if any do.
    """

    knobs: tuple[Knob, ...]
    ordered: tuple[tuple[str, ...], ...] = ()
    input_size: tuple[int, int] | None = None
    _slots: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        slots = {knob.name: slot for slot, knob in enumerate(self.knobs)}
        if len(slots) != len(self.knobs):
            raise PlanError(f"knob names must be unique; got {[knob.name for knob in self.knobs]}")
        for group in self.ordered:
            for name in group:
                if name not in slots:
                    raise PlanError(f"ordering names unknown knob {name!r}; the space has {list(slots)}")
            # or the canonical form of an ordered plan could be out of order
            kinds = {(len(self.knobs[slots[name]].values), self.knobs[slots[name]].counts) for name in group}
            if len(kinds) != 1:
                raise PlanError(f"ordered knobs {group} must have equally many values and equal counts")
        object.__setattr__(self, "_slots", slots)

    @property
    def names(self) -> tuple[str, ...]:
        """Knob names in order."""
        return tuple(knob.name for knob in self.knobs)

    @property
    def dense(self) -> Plan:
        """Every knob at its first value."""
        return self.at((0,) * len(self.knobs))

    @property
    def sparsest(self) -> Plan:
        """Every knob at its last value: the floor of latency."""
        return self.at(tuple(len(knob.values) - 1 for knob in self.knobs))

    def plan(self, settings: Mapping[str, Value]) -> Plan:
        """A complete, validated plan; absent knobs are dense.

        Raises:
            PlanError: unknown knob, illegal value, or broken order; the message names all three sides.
        """
        unknown = [name for name in settings if name not in self._slots]
        if unknown:
            raise PlanError(f"unknown knobs {unknown}; this space has {', '.join(self.names)}")
        plan = self.at(tuple(knob.index(settings.get(knob.name, knob.values[0])) for knob in self.knobs))
        broken = self._broken_order(self.indices(plan))
        if broken:
            first, second = broken
            raise PlanError(
                f"{second}={plan[second]!r} is denser than {first}={plan[first]!r} before it; "
                f"inside {self._group_of(second)} values may only get sparser"
            )
        return plan

    def at(self, indices: tuple[int, ...]) -> Plan:
        """The plan at value positions `indices`, one per knob (order is not checked)."""
        return Plan(tuple((knob.name, knob.values[i]) for knob, i in zip(self.knobs, indices, strict=True)))

    def indices(self, plan: Mapping[str, Value]) -> tuple[int, ...]:
        """Value positions of a plan, one per knob; absent knobs are dense."""
        return tuple(knob.index(plan.get(knob.name, knob.values[0])) for knob in self.knobs)

    def contains(self, plan: Mapping[str, Value]) -> bool:
        """Whether `plan` would accept it."""
        try:
            self.plan(plan)
        except PlanError:
            return False
        return True

    def canonical(self, plan: Mapping[str, Value]) -> Plan:
        """The representative of all plans that are the same network: each knob at the densest value of its count."""
        pairs = zip(self.knobs, self.indices(plan), strict=True)
        return self.at(tuple(knob.canonical_index(i) for knob, i in pairs))

    def repair(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        """Positions with every ordered group sorted from dense to sparse (the published repair)."""
        fixed = list(indices)
        for group in self.ordered:
            slots = [self._slots[name] for name in group]
            for slot, position in zip(slots, sorted(fixed[slot] for slot in slots), strict=True):
                fixed[slot] = position
        return tuple(fixed)

    def random(self, rng: random.Random) -> Plan:
        """Independent uniform draws, then `repair`."""
        return self.at(self.repair(tuple(rng.randrange(len(knob.values)) for knob in self.knobs)))

    def neighbours(self, plan: Mapping[str, Value]) -> list[Plan]:
        """Legal plans one step away in one knob."""
        here = self.indices(plan)
        steps = []
        for slot, knob in enumerate(self.knobs):
            for position in (here[slot] - 1, here[slot] + 1):
                moved = (*here[:slot], position, *here[slot + 1 :])
                if 0 <= position < len(knob.values) and not self._broken_order(moved):
                    steps.append(self.at(moved))
        return steps

    def __len__(self) -> int:
        """Number of legal plans (ordered groups of equal knobs counted as multisets)."""
        free = {knob.name: len(knob.values) for knob in self.knobs}
        total = 1
        for group in self.ordered:
            sizes = [free.pop(name) for name in group]
            total *= math.comb(sizes[0] + len(group) - 1, len(group))
        return total * math.prod(free.values())

    def __iter__(self) -> Iterator[Plan]:
        """Every legal plan, dense first."""
        for indices in itertools.product(*(range(len(knob.values)) for knob in self.knobs)):
            if not self._broken_order(indices):
                yield self.at(indices)

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives an equal space."""
        knobs = [{"name": k.name, "values": k.values, "counts": k.counts} for k in self.knobs]
        return json.dumps({"knobs": knobs, "ordered": self.ordered, "input_size": self.input_size})

    @classmethod
    def from_json(cls, text: str) -> "Space":
        """Read what `to_json` wrote.

        Raises:
            PlanError: the text is no space.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            knobs = tuple(
                Knob(k["name"], tuple(k["values"]), None if k["counts"] is None else tuple(k["counts"]))
                for k in data["knobs"]
            )
            size = data["input_size"]
            return cls(knobs, tuple(map(tuple, data["ordered"])), None if size is None else (size[0], size[1]))
        except (json.JSONDecodeError, KeyError, TypeError, IndexError) as error:
            raise PlanError(f"not a space: {error!r} in {text[:200]!r}") from None

    def _broken_order(self, indices: tuple[int, ...]) -> tuple[str, str] | None:
        for group in self.ordered:
            for first, second in itertools.pairwise(group):
                if indices[self._slots[first]] > indices[self._slots[second]]:
                    return first, second
        return None

    def _group_of(self, name: str) -> str:
        return ", ".join(next(group for group in self.ordered if name in group))
