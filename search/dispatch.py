"""The dispatcher: the service's hub between requests and searches.

It owns the store, keeps a queue with a cap, has a few searches run at a time, and after a restart goes on with
whatever was not finished. It knows nothing of HTTP.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from search.coordinator import Coordinator, new_id
from search.digests import Digests
from search.errors import NotReady, SearchError, StoreError
from search.home import Home
from search.leftovers import remove_files
from search.lifecycle import POSSIBLE, Action, done_already
from search.preflight import preflight
from search.process import COMMAND
from search.records import Job
from search.stopping import request_stop
from search.store.rows import Created, IdempotencyKey, SearchRow
from search.store.store import Store
from search.workforce import RESUME_BY, Workforce

Listener = Callable[[str, int], None]

_DOWN = "the service is starting or going down; try again in a moment"


class Dispatcher:
    """Takes requests and runs the searches of one store. Its methods may be called from any thread.

    Args:
        location: of the store, a path or a PostgreSQL URL.
        home: where logs and bundles go, and where the user's targets are.
        queue_cap: searches that may wait.
        running: searches that may run at once; measuring is exclusive per device in any case.
        command: how to start a runner.
    """

    def __init__(
        self,
        location: Path | str,
        home: Home,
        *,
        queue_cap: int = 100,
        running: int = 1,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.home = home
        self._location = location
        self._cap = queue_cap
        self._limit = running
        self._command = command
        self._digests = Digests()
        self._listeners: list[Listener] = []
        self._store: Store | None = None
        self._workforce: Workforce | None = None

    @property
    def store(self) -> Store:
        """The writer, which reads too.

        Raises:
            NotReady: before `start` or after `close`.
        """
        if self._store is None:
            raise NotReady(_DOWN)
        return self._store

    def start(self) -> None:
        """Open the store, queue what an earlier process left running, begin.

        Raises:
            StoreError: the store cannot be used.
        """
        self._store = store = Store.open(self._location)
        workforce = Workforce(store, self.home, self._limit, self._tell, self._command)
        for row in store.unfinished():
            if row.state == "cancelling":
                workforce.end(row.id, "cancelled", _go_on("cancelled", row.id))
            else:
                store.change_state(row.id, {row.state}, "queued", "interrupted; goes on where it was")
        workforce.start()
        self._workforce = workforce

    def close(self, grace_s: float = 3.0) -> None:
        """Hand running searches back (the next start goes on with them) and close the store; may be called twice."""
        workforce, self._workforce = self._workforce, None
        if workforce is not None:
            workforce.close(grace_s)
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def submit(self, job: Job, key: IdempotencyKey | None = None) -> Created:
        """Check a request and queue it; durable when this returns.

        Args:
            job: the request; its id is given here.
            key: makes a request happen once, however often it is sent.
        Raises:
            BudgetError, JobError, TargetError: the request is refused.
            QueueFull: too many searches wait.
            IdempotencyMismatch: the key came with another request before.
            NotReady: the service is going down.
        """
        workforce, store = self._hands(), self.store
        digest = self._digests.of(preflight(job, self.home))
        made = store.create_search(job.with_id(new_id()), digest, key=key, queue_cap=self._cap)
        if not made.replayed:
            self._tell(made.row.id)
            workforce.wake()
        return made

    def cancel(self, search_id: str) -> SearchRow:
        """End a search as `cancelled`; what it found stays in the archive, and it can be resumed."""
        row, done = self._look(search_id, "cancel")
        if done:
            return row
        row = self._change(search_id, "cancel", "cancelling", "")
        if self._hands().act(search_id, Coordinator.cancel):
            return row
        return self._end(search_id, "cancelled", _go_on("cancelled", search_id))

    def pause(self, search_id: str) -> SearchRow:
        """Give the device back until `resume`; running trials are released, finished ones stay."""
        row, done = self._look(search_id, "pause")
        if done:
            return row
        if row.state == "queued":
            row = self._change(search_id, "pause", "paused", _go_on("paused", search_id))
        # also then: a coordinator may have taken it in that moment
        self._hands().act(search_id, Coordinator.pause)
        return row

    def resume(self, search_id: str) -> SearchRow:
        """Queue a paused, cancelled or failed search again; nothing finished is repeated."""
        row, done = self._look(search_id, "resume")
        if done:
            return row
        request_stop(self.store, search_id, False)
        return self._change(search_id, "resume", "queued", "")

    def stop(self, search_id: str) -> SearchRow:
        """Ask for no more trials: finish the running ones, verify, answer, end as `stopped`."""
        row, done = self._look(search_id, "stop")
        if done:
            return row
        request_stop(self.store, search_id, True)
        if self._hands().act(search_id, Coordinator.stop):
            return row
        if not self.store.trial_counts(search_id)["done"]:
            return self._end(search_id, "stopped", "stopped before anything was evaluated")
        if row.state == "paused":  # it takes a run to verify what was found
            row = self._change(search_id, "stop", "queued", "stopping")
        return row

    def delete(self, search_id: str) -> None:
        """Forget an ended search, with its logs and bundles; the archive of its target stays.

        Raises:
            StateConflict: it has not ended.
            UnknownSearch: there is none.
        """
        exports = self.store.exports(search_id)
        self.store.delete_search(search_id)
        remove_files(self.home, search_id, exports)
        self._tell(search_id)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(search_id, seq)` in a worker thread after each commit; returns how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def queue_position(self, search_id: str) -> int | None:
        """Searches ahead of a queued one; None when it does not wait."""
        queue = self.store.queue()
        return queue.index(search_id) if search_id in queue else None

    def problems(self) -> list[str]:
        """Why requests cannot be served now; empty: they can."""
        store, workforce = self._store, self._workforce
        if store is None or workforce is None:
            return [_DOWN]
        if not workforce.alive:
            return ["the dispatcher has ended; restart the service"]
        try:
            store.check()
        except StoreError as error:
            return [str(error)]
        return []

    def _hands(self) -> Workforce:
        if self._workforce is None:
            raise NotReady(_DOWN)
        return self._workforce

    def _look(self, search_id: str, action: Action) -> tuple[SearchRow, bool]:
        row = self.store.exact(search_id)
        return row, done_already(action, row.state)

    def _change(self, search_id: str, action: Action, state: str, message: str) -> SearchRow:
        row = self.store.change_state(search_id, POSSIBLE[action], state, message)
        self._tell(search_id)
        self._hands().wake()
        return row

    def _end(self, search_id: str, state: str, message: str) -> SearchRow:
        self._hands().end(search_id, state, message)
        return self.store.exact(search_id)

    def _tell(self, search_id: str, seq: int = 0) -> None:
        """Tell the listeners; 0: something changed, look yourself."""
        for listener in tuple(self._listeners):
            with contextlib.suppress(SearchError):
                listener(search_id, seq)


def _go_on(state: str, search_id: str) -> str:
    return f"{state}; go on with: {RESUME_BY.format(id=search_id)}"
