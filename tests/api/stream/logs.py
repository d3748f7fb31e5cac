"""A log of events that grows by hand, in place of a store."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from search.errors import StoreUnavailable, UnknownSearch
from search.store.rows import StoredEvent

Listener = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Row:
    """As much of a row as the hub reads."""

    id: str
    state: str


class ScriptedLog:
    """The log of the search "s", with listeners, a count of reads, and outages.

    Args:
        events: how many progress events it holds at first, after `state queued`.
    """

    def __init__(self, events: int = 0) -> None:
        self._lock = threading.Lock()
        self._events: list[StoredEvent] = []
        self._listeners: list[Listener] = []
        self.reads = 0
        self.broken = False
        self.add("state", state="queued", message="")
        for number in range(events):
            self.add("progress", phase="evaluate", done=number, total=events, rate=None, eta_s=None)

    def add(self, kind: str, *, told: bool = True, **data: Any) -> int:
        """Commit an event and (if `told`) tell the listeners, as a worker thread would; returns its number."""
        with self._lock:
            seq = len(self._events) + 1
            self._events.append(StoredEvent(seq, f"2026-11-21T08:00:{seq % 60:02}+00:00", kind, None, data))
        for listener in list(self._listeners) if told else ():
            listener("s", seq)
        return seq

    def end(self) -> int:
        """Commit the end."""
        return self.add("end", state="succeeded", message="", answer=None)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """See `Dispatcher.listen`."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def exact(self, search_id: str) -> Row:
        """See `Reading.exact`."""
        if search_id != "s":
            raise UnknownSearch(f"there is no search {search_id!r}")
        return Row("s", self._state())

    def latest(self, search_id: str, kind: str | None) -> StoredEvent | None:
        """See `Reading.latest`."""
        found = [event for event in self._events if kind is None or event.kind == kind]
        return found[-1] if found else None

    def stored_events(
        self, search_id: str, after: int, limit: int | None, kinds: Collection[str] | None = None
    ) -> list[StoredEvent]:
        """See `Reading.stored_events`."""
        self.reads += 1
        if self.broken:
            raise StoreUnavailable("the database restarts")
        found = [event for event in self._events[after:] if kinds is None or event.kind in kinds]
        return found[:limit]

    def _state(self) -> str:
        return str(next(event.data["state"] for event in reversed(self._events) if event.kind in ("state", "end")))
