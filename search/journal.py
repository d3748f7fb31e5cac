"""The journal: each step of a search is done once, and read back by whoever resumes the search.

A flow is written as a deterministic function that does everything which costs, or which chance touches, inside
`step`. The first run computes and emits; a resumed run finds the step's data and goes on. So a search that was
killed anywhere ends with the answer of one that never was.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from search.records import Condition, Event, Kind

Emit = Callable[[Event], None]


class Journal:
    """What has been done, and where news goes.

    Args:
        emit: takes every new event; the step is durable when the reader has committed it.
        done: the events of earlier runs of this search.
    """

    def __init__(self, emit: Emit, done: Iterable[Event] = ()) -> None:
        self._emit = emit
        self._done = {event.key: event.data for event in done if event.key is not None}

    @property
    def steps(self) -> Mapping[str, Mapping[str, Any]]:
        """The data of every finished step, by key."""
        return dict(self._done)

    def find(self, key: str) -> Mapping[str, Any] | None:
        """The data of a finished step."""
        return self._done.get(key)

    @property
    def finished(self) -> Mapping[str, Mapping[str, Any]]:
        """The data of every finished step, by key."""
        return self._done

    def step(self, kind: Kind, key: str, compute: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """The data of step `key`, computed and emitted only when it is not there yet."""
        found = self._done.get(key)
        return self.record(kind, key, compute()) if found is None else found

    def record(self, kind: Kind, key: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Emit a step that was just done, and return its data as a resumed run would read it."""
        # through JSON, so that a first run never sees a tuple or a key that a resumed one would not
        plain: Mapping[str, Any] = json.loads(json.dumps(data, allow_nan=False))
        self._done[key] = plain
        self._emit(Event(kind, plain, key))
        return plain

    def condition(self, type: Condition, status: bool, reason: str, message: str) -> None:
        """Say once that something about the search is settled.

        Args:
            reason: a word or two, joined by hyphens.
            message: a sentence.
        """
        data = {"type": type, "status": status, "reason": reason, "message": message}
        self.step("condition", f"condition:{type}", lambda: data)

    def note(self, kind: Kind, data: Mapping[str, Any]) -> None:
        """Emit a passing remark, which a resumed run makes again."""
        self._emit(Event(kind, data))

    def log(self, message: str, level: str = "info") -> None:
        """A line for people."""
        self.note("log", {"level": level, "message": message})
