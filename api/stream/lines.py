"""Events as bytes: made once, sent to everybody."""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from api.schemas.search import Search
from api.views.event import event_view
from search.store.rows import StoredEvent

RETRY = b"retry: 2000\r\n\r\n"
"""How long a browser waits before it reconnects, in ms."""

COSTLY = frozenset({"measurement", "verify"})
"""Kinds whose JSON takes statistics over many samples; it is remembered for the next replay."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event, ready to be sent.

    Args:
        seq: its number.
        data: its JSON, one line.
        name: its public name.
        state: state that the search is in after it; None: the same as before.
        numbered: whether a client may resume from it.
    """

    seq: int
    data: str
    name: str
    state: str | None = None
    numbered: bool = True

    @property
    def sse(self) -> bytes:
        """As a server-sent event."""
        place = f"id: {self.seq}\r\n" if self.numbered else ""
        return f"{place}event: {self.name}\r\ndata: {self.data}\r\n\r\n".encode()

    @property
    def ndjson(self) -> bytes:
        """As a line of JSON."""
        return f"{self.data}\n".encode()


class Encoder:
    """Makes lines of events.

    Args:
        size: costly events that are remembered.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._known: OrderedDict[tuple[str, int], Line] = OrderedDict()
        self._lock = Lock()

    def lines(self, search_id: str, events: Iterable[StoredEvent]) -> list[Line]:
        """One line per event."""
        return [self._line(search_id, event) for event in events]

    def _line(self, search_id: str, event: StoredEvent) -> Line:
        if event.kind not in COSTLY:
            return _made(search_id, event)
        key = search_id, event.seq
        with self._lock:
            if key in self._known:
                return self._known[key]
        line = _made(search_id, event)
        with self._lock:
            self._known[key] = line
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return line


def snapshot(seq: int, search: Search) -> Line:
    """All of a search, for a client that has no position; events after number `seq` follow."""
    return _said("snapshot", seq, search.id, {"state": search.state, "snapshot": search.model_dump(mode="json")})


def farewell(seq: int, search_id: str) -> Line:
    """The service goes down; the client is to come back later, after event number `seq`."""
    line = _said("shutdown", seq, search_id, {})
    return Line(line.seq, line.data, line.name, numbered=False)


def _said(name: str, seq: int, search_id: str, more: Mapping[str, Any]) -> Line:
    head = {"seq": seq, "at": datetime.now(UTC).isoformat(), "search": search_id, "name": name}
    return Line(seq, _json({**head, **more}), name)


def _made(search_id: str, event: StoredEvent) -> Line:
    data = event_view(search_id, event)
    state = data["state"] if event.kind in ("state", "end") else None
    return Line(event.seq, _json(data), data["name"], state)


def _json(data: Mapping[str, Any]) -> str:
    # ASCII: some readers of lines also break them at other characters that Unicode calls line ends
    return json.dumps(data, allow_nan=False, separators=(",", ":"))
