"""The workforce of the service: a few searches run at once, each by a coordinator in a thread of its own."""

import contextlib
import threading
from collections.abc import Callable, Sequence

from search.coordinator import Coordinator
from search.ending import end as ending
from search.errors import SearchError, StoreError, StoreUnavailable
from search.home import Home
from search.process import COMMAND
from search.stopping import stop_requested
from search.store.store import Store

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Between attempts to go on while the store cannot be written; the last is repeated."""

RESUME_BY = "POST /v1/searches/{id}/resume"
"""How people of a service go on with a search."""

Tell = Callable[[str, int], None]


class Workforce:
    """Takes queued searches, oldest first.

    Args:
        store: the writer.
        home: where logs and bundles go.
        limit: searches at once.
        tell: gets (search id, seq) after each commit.
        command: how to start a runner.
    """

    def __init__(self, store: Store, home: Home, limit: int, tell: Tell, command: Sequence[str] = COMMAND) -> None:
        self._store = store
        self._home = home
        self._limit = limit
        self._tell = tell
        self._command = command
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._active: dict[str, tuple[Coordinator, threading.Thread]] = {}
        self._loop = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin to take searches."""
        self._loop.start()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    @property
    def alive(self) -> bool:
        """Whether queued searches are being taken."""
        return self._loop.is_alive() and not self._closing.is_set()

    def act(self, search_id: str, action: Callable[[Coordinator], None]) -> bool:
        """Do something to the coordinator of a running search; False: it does not run."""
        with self._lock:
            found = self._active.get(search_id)
            if found is not None:
                action(found[0])
            return found is not None

    def end(self, search_id: str, state: str, message: str) -> None:
        """End a search without an answer."""
        for event in self._store.append(search_id, [ending(state, message, None)]):
            self._tell(search_id, event.seq)

    def close(self, grace_s: float) -> None:
        """Hand every running search back, unfinished; the next start goes on with it."""
        self._closing.set()
        self._wake.set()
        with self._lock:
            active = list(self._active.values())
        for coordinator, _ in active:
            coordinator.release()
        for thread in (*[thread for _, thread in active], self._loop):
            if thread.is_alive():
                thread.join(grace_s)

    def _dispatch(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(StoreError):  # readiness tells; the next round tries again
                self._take()
            self._wake.wait(1.0)
            self._wake.clear()

    def _take(self) -> None:
        if len(self._active) >= self._limit:
            return
        for search_id in self._store.queue():
            coordinator = Coordinator(self._store, self._home, self._command, RESUME_BY)
            thread = threading.Thread(
                target=self._run, args=(search_id, coordinator), name=f"search {search_id}", daemon=True
            )
            with self._lock:
                if self._closing.is_set() or len(self._active) >= self._limit:
                    return
                if search_id in self._active:
                    continue  # it was paused and resumed before its thread ended
                self._active[search_id] = coordinator, thread
            thread.start()

    def _run(self, search_id: str, coordinator: Coordinator) -> None:
        try:
            # known to `act` before this look: whoever cancels or pauses meets either this look or the coordinator
            if self._store.exact(search_id).state == "queued":
                self._drive(search_id, coordinator)
            if not self._closing.is_set() and self._store.exact(search_id).state == "cancelling":
                self.end(search_id, "cancelled", "cancelled")
        except StoreError:
            # gone, or still queued: a later round sees, and not at once, since the store may be as it is for long
            self._closing.wait(PAUSES_S[0])
        finally:
            with self._lock:
                del self._active[search_id]
            self._wake.set()

    def _drive(self, search_id: str, coordinator: Coordinator) -> None:
        attempt = 0
        while not self._closing.is_set():
            try:
                if stop_requested(self._store, search_id):
                    coordinator.stop()
                coordinator.run_stored(search_id, lambda event: self._tell(search_id, event.seq))
                return
            except StoreUnavailable:
                # a full disk, a database that restarts: what is finished is safe, so go on when it can be written
                self._closing.wait(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])
                attempt += 1
            except SearchError as error:
                self.end(search_id, "failed", str(error))
                return
