"""What of a running search goes into the store, by the one who runs it: events, its state, how attempts ended."""

from collections.abc import Callable, Collection

from search.attempts import ended, following
from search.errors import StateConflict
from search.process import cause_of
from search.records import Event
from search.store.rows import SearchRow
from search.store.store import Store

OnEvent = Callable[[Event], None]

ACTIVE = frozenset({"queued", "preparing", "running"})

_REMARKS = frozenset({"attempt", "condition", "log", "progress"})
"""Kinds of events that are no progress: a runner that dies after nothing else has died in vain."""


class Recording:
    """The record of one search.

    Args:
        store: open for writing.
        row: the search.
        on_event: shown every event after its commit.
    """

    def __init__(self, store: Store, row: SearchRow, on_event: OnEvent) -> None:
        self._store = store
        self._row = row
        self._on_event = on_event
        self._running: Event | None = None
        for stored in store.stored_events(row.id, kinds=("attempt", "evaluation", "failure", "confirm")):
            self._running = following(self._running, Event(stored.kind, stored.data, stored.key))  # type: ignore[arg-type]

    @property
    def evaluating(self) -> bool:
        """Whether an attempt runs inside the runner, or ran there when it ended."""
        return self._running is not None

    def take(self, event: Event) -> bool:
        """Write what a runner says; returns whether it has finished a step."""
        if event.kind == "state":
            self.change(ACTIVE, event.data["state"], event.data["message"])
            return False
        if not self.write(event):
            return False
        self._running = following(self._running, event)
        return event.key is not None and event.kind not in _REMARKS

    def write(self, event: Event) -> bool:
        """Commit and show an event; False: the store had it already."""
        written = self._store.append(self._row.id, [event])
        for one in written:
            self._on_event(one)
        return bool(written)

    def change(self, allowed: Collection[str], state: str, message: str) -> bool:
        """Change the state; False: somebody else has meanwhile changed it to one that is not `allowed`."""
        try:
            self._store.change_state(self._row.id, allowed, state, message)
        except StateConflict:
            return False
        stored = self._store.latest(self._row.id, "state")
        if stored is not None:
            self._on_event(Event("state", stored.data, None, stored.seq))
        return True

    def release_attempt(self) -> None:
        """Whoever told the runner to end has ended the attempt too, which therefore counts for nothing."""
        if running := self._ended():
            self.write(ended(running, "released"))

    def lose_attempt(self) -> None:
        """The attempt ran when the runner and whoever watched it ended together: nobody saw why."""
        if running := self._ended():
            self.write(ended(running, "lost", "crash", "the runner and the process that watched it ended together"))

    def fail_attempt(self, status: int, starved: bool) -> None:
        """The attempt has ended its runner.

        Args:
            status: of that process.
            starved: whether the kernel has killed for memory meanwhile.
        """
        if running := self._ended():
            met = cause_of(status, starved, self._row.job.evaluation_timeout_s)
            self.write(ended(running, "failed", met.cause, met.reason))

    def _ended(self) -> Event | None:
        running, self._running = self._running, None
        return running
