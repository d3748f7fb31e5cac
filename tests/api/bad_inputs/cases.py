"""A bad input: what is sent, and the answer that is promised for it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

JSON_TYPE = (b"Content-Type", b"application/json")
GOOD = {"target": "synthetic-swin-t", "max_ms": 35.0}
"""A request that would be taken."""

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One request that must be refused.

    Args:
        name: for the report.
        method: HTTP method.
        target: path and query as on the wire; `{done}`, `{failed}`, ... stand for ids of stored searches.
        status: promised.
        type: slug of the promised problem.
        headers: in order.
        body: bytes.
        host: the Host header; None: none.
        pointer: of the field that the problem must name, if it must.
    """

    name: str
    method: str
    target: bytes
    status: int
    type: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    host: bytes | None = b"127.0.0.1"
    pointer: str | None = None


def get(name: str, target: str | bytes, status: int, type: str, *headers: Header, method: str = "GET") -> Case:
    """A request without a body."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    return Case(name, method, raw, status, type, headers)


def post(
    name: str,
    body: bytes,
    status: int,
    type: str = "invalid-request",
    *headers: Header,
    target: bytes = b"/v1/searches",
    kind: Header | None = JSON_TYPE,
    pointer: str | None = None,
) -> Case:
    """A POST of raw bytes."""
    kinds = () if kind is None else (kind,)
    return Case(name, "POST", target, status, type, (*kinds, *headers), body, pointer=pointer)


def field(path: str, value: Any, *, name: str | None = None, status: int = 422, type: str = "invalid-request") -> Case:
    """A good request with one field set to a bad value."""
    text = json.dumps(value)
    shown = text if len(text) <= 40 else f"{text[:30]}...{len(text)}"
    pointer = "/" + path.replace(".", "/") if (status, type) == (422, "invalid-request") else None
    return post(name or f"{path}={shown}", literal(path, text), status, type, pointer=pointer)


def literal(path: str, text: str) -> bytes:
    """The body of a good request with one field set to a JSON text as it is written."""
    mark = "\0"
    body: dict[str, Any] = json.loads(json.dumps(GOOD))
    place = body
    *outer, last = path.split(".")
    for part in outer:
        place = place.setdefault(part, {})
    place[last] = mark
    return json.dumps(body).replace(json.dumps(mark), text).encode()


def fields(path: str, values: Iterable[Any], **promised: Any) -> tuple[Case, ...]:
    """One case per bad value of a field."""
    return tuple(field(path, value, **promised) for value in values)
