"""JSON objects become frozen records. Unknown fields are left out, so that an older client reads a newer service."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sparsearch.client.errors import BadAnswer

Record = TypeVar("Record")


def decode(kind: type[Record], data: Any) -> Record:
    """A record of what a service sent.

    Args:
        kind: a frozen dataclass; its fields may be records, tuples or mappings of records, and optional.
        data: a JSON value.
    Raises:
        BadAnswer: `data` is no object, a field without default is missing, or a value has another type.
    """
    if not isinstance(data, Mapping):
        raise BadAnswer(f"expected a JSON object for {kind.__name__}, got {type(data).__name__}")
    values: dict[str, Any] = {}
    for name, (hint, required) in _fields(cast(Any, kind)).items():
        if name in data:
            values[name] = _value(hint, data[name], f"{kind.__name__}.{name}")
        elif required:
            raise BadAnswer(f"{kind.__name__} has no field {name!r}; is this a SparSearch service?")
    return kind(**values)


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type and necessity of each field."""
    hints = get_type_hints(kind)
    return {
        one.name: (hints[one.name], one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)
        if one.init
    }


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (one for one in get_args(hint) if one is not type(None))
        return _value(hint, value, where)
    if origin is tuple:
        (inner, _ellipsis) = get_args(hint)
        if not isinstance(value, list):
            raise _unlike(where, "a list", value)
        return tuple(_value(inner, one, where) for one in value)
    if origin is not None:
        if not isinstance(value, Mapping):
            raise _unlike(where, "an object", value)
        inner = get_args(hint)[1]
        return {str(name): _value(inner, one, where) for name, one in value.items()}
    if hint is Any:
        return value
    if is_dataclass(hint):
        return decode(cast(type[Any], hint), value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise _unlike(where, hint.__name__, value)
    return value


def _unlike(where: str, expected: str, value: Any) -> BadAnswer:
    return BadAnswer(f"{where} must be {expected}, got {type(value).__name__}")
