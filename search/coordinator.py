"""The coordinator: owns the store, runs each search in a subprocess, and commits every event before it is shown.

with Store.open(home.database) as store:                     # the one writer of this home
    outcome = Coordinator(store, home).run(job, on_event)    # -> Outcome(id, state, message, answer), .exit_code
    outcome = Coordinator(store, home).resume("20261121-0930", on_event)

A service runs several searches at once: one coordinator each, in threads of their own, over one store.
"""

import contextlib
import secrets
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Literal, TypeAlias

from search.answer import Outcome
from search.attempts import ended, following
from search.ending import end as ending
from search.errors import RunnerError, StateConflict
from search.home import Home
from search.pools.mishaps import oom_kills
from search.preflight import preflight
from search.process import COMMAND, RunnerProcess, cause_of, in_words
from search.records import Event, Job
from search.store.rows import SearchRow
from search.store.store import Store
from search.targets import Target

OnEvent = Callable[[Event], None]
Intent: TypeAlias = Literal["cancel", "pause", "release"]

DEATHS = 3
"""Runner processes that may die in a row, with nothing finished in between, before a search counts as failed."""

RELEASE_S = 1.0
"""How long a runner may take to end when the service goes down."""

_REMARKS = frozenset({"attempt", "condition", "log", "progress", "state"})
"""Kinds of events that are no progress: a runner that dies after nothing else has died in vain."""

_ACTIVE = frozenset({"queued", "preparing", "running"})
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Coordinator:
    """Runs searches, one at a time. Its four ways to interfere may be called from any thread, also before it runs.

    Args:
        store: open for writing; others may use it at the same time.
        home: where logs and bundles go, and where the user's targets are.
        command: how to start a runner.
        resume_by: what people are told to do to go on with a search; {id} stands for it.
    """

    def __init__(
        self,
        store: Store,
        home: Home,
        command: Sequence[str] = COMMAND,
        resume_by: str = "sparsearch search --resume {id}",
    ) -> None:
        self._store = store
        self._home = home
        self._command = command
        self._resume_by = resume_by
        self._lock = threading.Lock()
        self._intent: Intent | None = None
        self._stopping = False
        self._runner: RunnerProcess | None = None
        self._running: Event | None = None  # the attempt inside the runner

    def create(self, job: Job) -> SearchRow:
        """Check a request and store it, in the state `queued`. An empty id gets a new one.

        Raises:
            BudgetError, JobError, TargetError: the request is refused; nothing is stored.
        """
        target = preflight(job, self._home)
        return self._store.create_search(job if job.id else job.with_id(new_id()), target.digest()).row

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
        return self.run_stored(self.create(job).id, on_event)

    def resume(self, search_id: str, on_event: OnEvent = lambda event: None) -> Outcome:
        """Go on with a search that was killed, cancelled, paused or failed; an answered one is only read.

        Nothing that was finished is done again, and the answer is that of an uninterrupted run.

        Args:
            search_id: its id, a unique prefix of it, or "last".
            on_event: shown new events only.
        Raises:
            UnknownSearch: there is none.
            TargetError, RunnerError: its target is gone, or has changed since.
        """
        return self.run_stored(self._store.search(search_id).id, on_event)

    def run_stored(self, search_id: str, on_event: OnEvent = lambda event: None) -> Outcome:
        """Run a search that is stored: new, interrupted, or resumed. See `run` and `resume`.

        Returns:
            How it ended: in a terminal state, or `paused`, or, after `release`, in the state it is left in.
        """
        row = self._store.exact(search_id)
        if row.state in ("succeeded", "stopped", "infeasible"):
            return row.outcome
        target = preflight(row.job, self._home, stored=True)
        if target.digest() != row.target_digest:
            raise RunnerError(
                f"target {target.name} has other files than when search {row.id} began; start a new search"
            )
        with _signals(self.cancel):
            return self._run(row, target, on_event)

    def cancel(self) -> None:
        """End the search as `cancelled` within seconds; it can be resumed."""
        self._interrupt("cancel")

    def pause(self) -> None:
        """End the runner within seconds and leave the search `paused`."""
        self._interrupt("pause")

    def release(self) -> None:
        """End the runner within seconds and leave the search as it is: whoever owns the store next goes on with it."""
        self._interrupt("release")

    def stop(self) -> None:
        """Let running evaluations finish and begin no more: the search verifies what it has and ends as `stopped`."""
        with self._lock:
            self._stopping = True
            if self._runner is not None:
                self._runner.tell({"command": "stop"})

    def _interrupt(self, intent: Intent) -> None:
        with self._lock:
            if self._intent != "cancel":  # that one is for good
                self._intent = intent
            if self._runner is not None:
                self._runner.stop(RELEASE_S if intent == "release" else None)

    def _wanted(self) -> Intent | None:
        """What whoever interfered wants; asked often, because it changes at any moment."""
        return self._intent

    def _run(self, row: SearchRow, target: Target, on_event: OnEvent) -> Outcome:
        end: Event | None = None
        deaths, runs, status = 0, 0, 0
        self._running = self._left_running(row)
        self._close_attempt(row, "lost", 0, False, on_event)
        while end is None and deaths < DEATHS and self._wanted() is None:
            message = "" if runs == 0 else f"the runner died with {in_words(status)}; a new one goes on"
            if not self._say(row.id, {row.state, *_ACTIVE}, "preparing", message, on_event):
                return self._store.exact(row.id).outcome  # cancelled or paused in this very moment
            runs += 1
            before = oom_kills()
            end, status, progressed = self._attempt(row, target, on_event)
            if end is not None:
                break
            deaths = 0 if progressed else deaths
            if self._wanted() is not None:
                self._close_attempt(row, "released", status, False, on_event)
            elif self._running is not None:
                self._close_attempt(row, "failed", status, oom_kills() > before, on_event)
            else:
                deaths += 1
        if end is None and self._wanted() == "pause":
            self._say(row.id, _ACTIVE, "paused", f"paused; {self._go_on(row)}", on_event)
        elif end is not None or self._wanted() != "release":
            self._append(row.id, end or self._without_end(row, status), on_event)
        return self._store.exact(row.id).outcome

    def _left_running(self, row: SearchRow) -> Event | None:
        """The attempt that ran when the runner and the process that watched it were killed together."""
        running = None
        kinds = ("attempt", "evaluation", "failure", "confirm")
        for stored in self._store.stored_events(row.id, kinds=kinds):
            running = following(running, Event(stored.kind, stored.data, stored.key))  # type: ignore[arg-type]
        return running

    def _attempt(self, row: SearchRow, target: Target, on_event: OnEvent) -> tuple[Event | None, int, bool]:
        """One runner process: its `end` event if it got that far, its exit status, and whether it finished a step."""
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
        with self._lock:
            if self._intent is not None:
                return None, 0, False
            log = self._home.run(row.id) / "runner.log"
            self._runner = runner = RunnerProcess({**request, "stop": self._stopping}, log, self._command)
        end, progressed = None, False
        try:
            for line in runner.lines():
                event = Event.from_dict(line)
                if event.kind == "end":
                    end = event
                    break
                if event.kind == "state":
                    self._say(row.id, _ACTIVE, event.data["state"], event.data["message"], on_event)
                elif self._append(row.id, event, on_event):
                    progressed |= event.key is not None and event.kind not in _REMARKS
                    self._running = following(self._running, event)
        except BaseException:
            runner.stop()
            raise
        finally:
            with self._lock:
                self._runner = None
            status = runner.wait()
        return end, status, progressed

    def _close_attempt(self, row: SearchRow, state: str, status: int, starved: bool, on_event: OnEvent) -> None:
        """Write how the attempt ended that ran inside a runner that is gone."""
        running, self._running = self._running, None
        if running is None:
            return
        if state == "failed":
            met = cause_of(status, starved, row.job.evaluation_timeout_s)
            self._append(row.id, ended(running, state, met.cause, met.reason), on_event)
        elif state == "lost":
            reason = "the runner and the process that watched it ended together"
            self._append(row.id, ended(running, state, "crash", reason), on_event)
        else:
            self._append(row.id, ended(running, state), on_event)

    def _without_end(self, row: SearchRow, status: int) -> Event:
        """The end of a search whose runner said none."""
        if self._wanted() == "cancel":
            return ending("cancelled", f"cancelled; {self._go_on(row)}", None)
        log = self._home.run(row.id) / "runner.log"
        message = f"the runner died {DEATHS} times, last with {in_words(status)}; its log is {log}"
        return ending("failed", message, None)

    def _go_on(self, row: SearchRow) -> str:
        return f"go on with: {self._resume_by.format(id=row.id)}"

    def _say(self, search_id: str, allowed: Collection[str], state: str, message: str, on_event: OnEvent) -> bool:
        """Change the state, unless somebody else has meanwhile changed it to one that is not `allowed`."""
        try:
            self._store.change_state(search_id, allowed, state, message)
        except StateConflict:
            return False
        stored = self._store.latest(search_id, "state")
        if stored is not None:
            on_event(Event("state", stored.data, None, stored.seq))
        return True

    def _append(self, search_id: str, event: Event, on_event: OnEvent) -> bool:
        """Commit and show an event; False: the store had it already."""
        written = self._store.append(search_id, [event])
        for one in written:
            on_event(one)
        return bool(written)


def new_id() -> str:
    """A search id that sorts by time: date, time (UTC) and eight random letters."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


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
