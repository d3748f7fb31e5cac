"""The hub: hears of commits in worker threads, reads what is new once per search, wakes up whoever follows it.

    dispatcher's threads --call_soon_threadsafe--> hub --one read in a thread--> tail --wakes--> streams

Everything but `_heard` runs in the event loop. A stream that lies far behind reads from the store by itself.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from api.stream.lines import Encoder, Line
from search.errors import SearchError
from search.records import TERMINAL
from search.store.reading import Reading

Listener = Callable[[str, int], None]
Listen = Callable[[Listener], Callable[[], None]]

BATCH = 200
"""Events read at once."""

KEPT = 1000
"""Newest events of a search that are kept ready while somebody follows it."""

POLL_S = 1.0
"""How often a tail looks by itself: other processes may write the same PostgreSQL database."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the log of a search ends.

    Args:
        seq: number of its newest event.
        state: state that the search is in after it.
    """

    seq: int
    state: str


class Tail:
    """The end of one search's log, as it grows.

    Args:
        read: lines after a number, at most so many; called in a thread.
        start: the end of the log now.
    """

    def __init__(self, read: Callable[[int, int], list[Line]], start: Position) -> None:
        self._read = read
        self._lines: deque[Line] = deque()
        self._low = self._high = start.seq
        self._again = False
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.state = start.state
        self.followers = 0

    @property
    def high(self) -> int:
        """Number of the newest event that was read."""
        return self._high

    @property
    def ended(self) -> bool:
        """Whether nothing more will come unless the search is resumed."""
        return self.state in TERMINAL

    def holds(self, after: int) -> bool:
        """Whether everything that was read since event number `after` is at hand."""
        return after >= self._low

    def since(self, after: int) -> list[Line]:
        """The lines after number `after`."""
        return [line for line in self._lines if line.seq > after]

    def hear(self) -> None:
        """Be told that something was committed."""
        self._again = True
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._catch_up())

    async def reach(self, seq: int) -> None:
        """Wait until event number `seq`, which was committed, has been read."""
        while self._high < seq:
            changed = self._changed
            self.hear()
            await changed.wait()

    def wake(self) -> None:
        """Wake up everybody who waits."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def changed(self) -> asyncio.Event:
        """Set when something new was read; take it before looking, wait for it afterwards."""
        return self._changed

    def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.cancel()

    async def _catch_up(self) -> None:
        try:
            while self._again:
                self._again, lines = False, []
                with contextlib.suppress(SearchError):  # the next commit or look tries again
                    lines = await run_in_threadpool(self._read, self._high, BATCH)
                self._take(lines)
                self._again |= len(lines) == BATCH
        finally:
            self._reader = None

    def _take(self, lines: list[Line]) -> None:
        if not lines:
            return
        self._lines.extend(lines)
        self._high = lines[-1].seq
        for line in lines:
            self.state = line.state or self.state
        while len(self._lines) > KEPT:
            self._low = self._lines.popleft().seq
        self.wake()


class Hub:
    """The tails of all searches that somebody follows.

    Args:
        store: gives the store to read.
        listen: registers a listener for commits, and returns how to end that.
        stopping: set when the service goes down.
    """

    def __init__(self, store: Callable[[], Reading], listen: Listen, stopping: asyncio.Event) -> None:
        self._store = store
        self._listen = listen
        self._stopping = stopping
        self._encoder = Encoder()
        self._tails: dict[str, Tail] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def tail(self, search_id: str) -> AsyncIterator[Tail]:
        """The tail of a search, for as long as the block lasts.

        Raises:
            UnknownSearch: there is no such search.
        """
        self._begin()
        start = await self.position(search_id)
        tail = self._tails.get(search_id)
        if tail is None:
            tail = self._tails[search_id] = Tail(lambda after, most: self.read(search_id, after, most), start)
        tail.followers += 1
        try:
            await tail.reach(start.seq)
            yield tail
        finally:
            tail.followers -= 1
            if not tail.followers and self._tails.get(search_id) is tail:
                del self._tails[search_id]
                tail.close()

    async def follow(self, search_id: str, tail: Tail, after: int, *, wait: bool = True) -> AsyncIterator[list[Line]]:
        """The lines after event number `after`, in order, each once, as they come.

        Ends when the search has ended and everything was given, or the service goes down.

        Args:
            search_id: the search.
            tail: of that search.
            after: the position; 0 is before the first event.
            wait: whether to wait for more; False gives what is there.
        """
        until = tail.high
        while wait or after < until:
            changed = tail.changed
            if tail.holds(after):
                lines = tail.since(after)
            else:
                lines = await run_in_threadpool(self.read, search_id, after, BATCH)
            if lines:
                yield lines
                after = lines[-1].seq
            elif not wait or self._stopping.is_set() or (after >= tail.high and tail.ended):
                return
            else:
                await changed.wait()
            if self._stopping.is_set():
                return

    def following(self, search_id: str) -> int:
        """How many follow a search."""
        tail = self._tails.get(search_id)
        return 0 if tail is None else tail.followers

    def read(self, search_id: str, after: int, most: int) -> list[Line]:
        """Lines from the store (blocks)."""
        return self._encoder.lines(search_id, self._store().stored_events(search_id, after, most))

    async def position(self, search_id: str) -> Position:
        """Where the log of a search ends.

        Raises:
            UnknownSearch: there is no such search.
        """
        return await run_in_threadpool(self._position, search_id)

    def _position(self, search_id: str) -> Position:
        # the number is read first, so that no later state can be taken for an earlier one
        store = self._store()
        row = store.exact(search_id)
        newest = store.latest(search_id, None)
        found = [event for kind in ("state", "end") if (event := store.latest(search_id, kind)) is not None]
        last = max(found, key=lambda event: event.seq, default=None)
        if last is None:
            return Position(0 if newest is None else newest.seq, row.state)
        return Position(max(last.seq, newest.seq if newest else 0), last.data["state"])

    def _begin(self) -> None:
        """Listen to commits; anew in another event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self.close()
        self._loop = loop
        self._unsubscribe = self._listen(self._heard)
        self._watch = loop.create_task(self._look())

    def close(self) -> None:
        """Stop listening."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._tails.clear()
        self._watch = self._loop = None

    def _heard(self, search_id: str, _seq: int) -> None:
        loop = self._loop
        if loop is None or search_id not in self._tails:
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(self._note, search_id)

    def _note(self, search_id: str) -> None:
        if tail := self._tails.get(search_id):
            tail.hear()

    async def _look(self) -> None:
        """Look for news that nobody told, until the service goes down; wake everybody up then."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), POLL_S)
            for tail in list(self._tails.values()):
                tail.hear()
        for tail in list(self._tails.values()):
            tail.wake()
