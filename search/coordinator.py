"""The coordinator: owns the store, runs each search in a subprocess, and commits every event before it is shown.

with Store.open(home.database) as store:                     # the one writer of this home
    outcome = Coordinator(store, home).run(job, on_event)    # -> Outcome(id, state, message, answer), .exit_code
    outcome = Coordinator(store, home).resume("20261121-0930", on_event)
"""

import contextlib
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import FrameType

from search.answer import Outcome
from search.errors import RunnerError
from search.home import Home
from search.preflight import preflight
from search.process import COMMAND, RunnerProcess
from search.records import Event, Job
from search.store.rows import SearchRow
from search.store.store import Store
from search.targets import Target, find

OnEvent = Callable[[Event], None]

ATTEMPTS = 3
"""Runner processes that may die without a word before a search counts as failed."""

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Coordinator:
    """Runs searches one at a time.

    Args:
        store: open for writing.
        home: where logs and bundles go, and where the user's targets are.
        command: how to start a runner.
    """

    def __init__(self, store: Store, home: Home, command: Sequence[str] = COMMAND) -> None:
        self._store = store
        self._home = home
        self._command = command
        self._cancelled = threading.Event()
        self._runner: RunnerProcess | None = None

    def create(self, job: Job) -> SearchRow:
        """Check a request and store it, in the state `queued`. An empty id gets a new one.

        Raises:
            BudgetError, JobError, TargetError: the request is refused; nothing is stored.
        """
        target = preflight(job, self._home)
        return self._store.create_search(job if job.id else job.with_id(new_id()), target.digest())

    def run(self, job: Job, on_event: OnEvent = lambda event: None) -> Outcome:
        """Create a search and run it to its end.

        Args:
            job: the request.
            on_event: shown every event after its commit, in order, in this thread.
        Returns:
            How it ended. SIGINT and SIGTERM (in the main thread) and `cancel` end it as `cancelled`.
        Raises:
            BudgetError, JobError, TargetError: the request is refused; nothing is stored.
            StoreError: the store failed; the search can be resumed.
        """
        return self._run(self.create(job), on_event)

    def resume(self, search_id: str, on_event: OnEvent = lambda event: None) -> Outcome:
        """Go on with a search that was killed, cancelled or failed; an answered one is only read.

        Nothing that was finished is done again, and the answer is that of an uninterrupted run.

        Args:
            search_id: its id, a unique prefix of it, or "last".
            on_event: shown new events only.
        Raises:
            StoreError: there is no such search.
            TargetError: its target has changed since.
        """
        row = self._store.search(search_id)
        if row.state in ("succeeded", "stopped", "infeasible"):
            return row.outcome
        target = preflight(row.job, self._home)
        if target.digest() != row.target_digest:
            raise RunnerError(
                f"target {target.name} has other files than when search {row.id} began; start a new search"
            )
        return self._run(row, on_event)

    def cancel(self) -> None:
        """End the running search as `cancelled` within seconds; from any thread or a signal handler."""
        self._cancelled.set()
        runner = self._runner
        if runner is not None:
            runner.stop()

    def _run(self, row: SearchRow, on_event: OnEvent) -> Outcome:
        target = find(row.job.target, self._home)
        with _signals(self.cancel):
            end: Event | None = None
            for attempt in range(1, ATTEMPTS + 1):
                self._say(row.id, "preparing", "" if attempt == 1 else f"the runner died; attempt {attempt}", on_event)
                end, status = self._attempt(row, target, on_event)
                if end is not None or self._cancelled.is_set():
                    break
            if end is None:
                end = self._ending(row, status)
            for event in self._store.append(row.id, [end]):
                on_event(event)
        return self._store.search(row.id).outcome

    def _attempt(self, row: SearchRow, target: Target, on_event: OnEvent) -> tuple[Event | None, int]:
        """One runner process: its `end` event if it got that far, and its exit status."""
        request = {
            "job": row.job.to_dict(),
            "target": target.to_dict(),
            "folder": str(self._home.run(row.id)),
            "bundles": str(self._home.bundles),
            "done": [event.to_dict() for event in self._store.events(row.id) if event.key is not None],
            "archive": [one.to_dict() for one in self._store.archive(row.target_digest, row.evaluations_upto)],
            "models": self._store.latency_models(row.target_digest, upto=row.models_upto),
        }
        self._store.count_attempt(row.id)
        self._runner = runner = RunnerProcess(request, self._home.run(row.id) / "runner.log", self._command)
        if self._cancelled.is_set():
            runner.stop()
        end = None
        try:
            for line in runner.lines():
                event = Event.from_dict(line)
                if event.kind == "end":
                    end = event
                    break
                for written in self._store.append(row.id, [event]):
                    on_event(written)
        except BaseException:
            runner.stop()
            raise
        finally:
            status = runner.wait()
            self._runner = None
        return end, status

    def _ending(self, row: SearchRow, status: int) -> Event:
        """The end of a search whose runner said none."""
        if self._cancelled.is_set():
            message = f"cancelled; go on with: sparsearch search --resume {row.id}"
            return Event("end", {"state": "cancelled", "message": message, "answer": None})
        cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        log = self._home.run(row.id) / "runner.log"
        message = f"the runner died {ATTEMPTS} times, last with {cause}; its log is {log}"
        return Event("end", {"state": "failed", "message": message, "answer": None})

    def _say(self, search_id: str, state: str, message: str, on_event: OnEvent) -> None:
        for event in self._store.append(search_id, [Event("state", {"state": state, "message": message})]):
            on_event(event)


def new_id() -> str:
    """A search id that sorts by time: date, time (UTC) and four random letters."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-" + "".join(secrets.choice(_ALPHABET) for _ in range(4))


@contextlib.contextmanager
def _signals(cancel: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM cancel while the block runs; a second one is no different."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        cancel()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
