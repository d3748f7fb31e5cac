"""The plan: one frozen, validated, hashable setting of the sparsity knobs of a backbone."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from models.errors import PlanError

Value: TypeAlias = bool | int | float | str
"""What a knob can be set to; always a JSON scalar."""


@dataclass(frozen=True, slots=True)
class Plan(Mapping[str, Value]):
    """An immutable mapping of knob name to value, in the order of the space that made it.

    Equality and hash ignore the order of the knobs. A knob that is absent keeps its backbone's dense value.

    Args:
        knobs: (name, value) pairs.
    Raises:
        PlanError: a name repeats or is no string, or a value is no finite JSON scalar.
    """

    knobs: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.knobs]
        if len(set(names)) != len(names):
            raise PlanError(f"knob names must be unique; got {names}")
        for name, value in self.knobs:
            if not isinstance(name, str) or not name:
                raise PlanError(f"a knob name must be a non-empty string; got {name!r}")
            if not isinstance(value, bool | int | float | str):
                raise PlanError(f"{name}={value!r}: a knob value must be a number, a string or a boolean")
            if isinstance(value, float) and not math.isfinite(value):
                raise PlanError(f"{name}={value}: a knob value must be finite")

    @classmethod
    def of(cls, settings: Mapping[str, Value]) -> "Plan":
        """The plan of a plain mapping; a plan is returned as it is."""
        return settings if isinstance(settings, Plan) else cls(tuple(settings.items()))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read what `to_json` wrote.

        Raises:
            PlanError: the text is no JSON object of scalars.
        """
        try:
            settings = json.loads(text)
        except json.JSONDecodeError as error:
            raise PlanError(f'a plan must be a JSON object such as {{"stage0": 0.3}}; got {text!r} ({error})') from None
        if not isinstance(settings, dict):
            raise PlanError(f"a plan must be a JSON object; got {type(settings).__name__}: {text!r}")
        return cls.of(settings)

    def to_json(self) -> str:
        """One line of JSON, knobs in their own order."""
        return json.dumps(dict(self.knobs))

    def __getitem__(self, name: str) -> Value:
        for knob, value in self.knobs:
            if knob == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.knobs)

    def __len__(self) -> int:
        return len(self.knobs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and frozenset(self.knobs) == frozenset(other.knobs)

    def __hash__(self) -> int:
        return hash(frozenset(self.knobs))

    def __str__(self) -> str:
        return ", ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in self.knobs
        )
