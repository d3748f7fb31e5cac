"""JSON as RFC 8259 means it, and a little stricter: what two parsers could read in two ways is refused."""

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 32

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
"""A string literal, also an unfinished one: the search must not begin again inside it."""
_BRACKET = re.compile(r"[\[\]{}]")


class JsonError(ValueError):
    """The bytes are not JSON that we take; the message says why."""


def parse(body: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        JsonError: not UTF-8, a byte order mark, too deep, a duplicate name, NaN or Infinity, a number out of range,
            half a surrogate pair, a NUL character, or no JSON at all.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise JsonError("it begins with a byte order mark; send plain UTF-8")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(f"it is not UTF-8 (byte {error.start}); encode it as UTF-8") from None
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except JsonError:
        raise
    except ValueError:  # Python converts whole numbers of up to 4300 digits
        raise JsonError("a number has too many digits") from None
    _check_strings(value)
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if match[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise JsonError(f"it is nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise JsonError(f"the name {name[:80]!r} comes twice in one object")
        found[name] = value
    return found


def _constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is not JSON; leave the field out or send a finite number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonError(f"the number {text[:40]} is out of range")
    return value


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise JsonError("a string holds a NUL character")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise JsonError("a string holds half of a surrogate pair") from None
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_strings(name)
            _check_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_strings(inner)
