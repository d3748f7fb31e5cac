"""The coordinator: owns the store, runs each search in a subprocess, and commits every event before it is shown.

with Store.open(home.database) as store:                     # the one writer of this home
    outcome = Coordinator(store, home).run(job, on_event)    # -> Outcome(id, state, message, answer), .exit_code
    outcome = Coordinator(store, home).resume("20261121-0930", on_event)

A service runs several searches at once: one coordinator each, in threads of their own, over one store.
"""

import secrets
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from search.answer import Outcome
from search.ending import end as ending
from search.errors import RunnerError
from search.home import Home
from search.interrupts import interrupting
from search.pools.mishaps import oom_kills
from search.preflight import preflight
from search.process import COMMAND, RunnerProcess, in_words
from search.recording import ACTIVE, OnEvent, Recording
from search.records import Event, Job
from search.store.rows import SearchRow
from search.store.store import Store
from search.targets import Target

Intent: TypeAlias = Literal["cancel", "pause", "release"]

DEATHS = 3
"""Runner processes that may die in a row, with nothing finished in between, before a search counts as failed."""

RELEASE_S = 1.0
"""How long a runner may take to end when the service goes down."""

STOP = {"command": "stop"}

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
        with interrupting(self.cancel):
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
                self._runner.tell(STOP)

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
        recording = Recording(self._store, row, on_event)
        recording.lose_attempt()
        end: Event | None = None
        deaths, runs, status = 0, 0, 0
        while end is None and deaths < DEATHS and self._wanted() is None:
            message = "" if runs == 0 else f"the runner died with {in_words(status)}; a new one goes on"
            if not recording.change({row.state, *ACTIVE}, "preparing", message):
                return self._store.exact(row.id).outcome  # cancelled or paused in this very moment
            runs += 1
            before = oom_kills()
            end, status, progressed = self._run_once(row, target, recording)
            deaths = 0 if progressed else deaths
            if end is not None:
                break
            if self._wanted() is not None:
                recording.release_attempt()
            elif recording.evaluating:
                recording.fail_attempt(status, oom_kills() > before)
            else:
                deaths += 1
        if end is None and self._wanted() == "pause":
            recording.change(ACTIVE, "paused", f"paused; {self._go_on(row)}")
        elif end is not None or self._wanted() != "release":
            recording.write(end or self._without_end(row, status))
        return self._store.exact(row.id).outcome

    def _run_once(self, row: SearchRow, target: Target, recording: Recording) -> tuple[Event | None, int, bool]:
        """One runner process: its `end` event if it got that far, its exit status, and whether it finished a step."""
        request = {
            "job": row.job.to_dict(),
            "target": target.to_dict(),
            "folder": str(self._home.run(row.id)),
            "bundles": str(self._home.bundles),
            "done": [event.to_dict() for event in self._store.events(row.id) if event.key is not None],
            "archive": [one.to_dict() for one in self._store.archive(row.target_digest, row.evaluations_upto)],
            "models": self._store.latency_models(row.target_digest, upto=row.models_upto),
            "stop": self._stopping,
        }
        self._store.count_attempt(row.id)
        runner = RunnerProcess(request, self._home.run(row.id) / "runner.log", self._command)
        with self._lock:
            self._runner = runner
            # whoever interfered while it was being started has not met it
            if self._intent is not None:
                runner.stop()
            elif self._stopping:
                runner.tell(STOP)
        end, progressed = None, False
        try:
            for line in runner.lines():
                event = Event.from_dict(line)
                if event.kind == "end":
                    end = event
                    break
                progressed |= recording.take(event)
        except BaseException:
            runner.stop()
            raise
        finally:
            with self._lock:
                self._runner = None
            status = runner.wait()
        return end, status, progressed

    def _without_end(self, row: SearchRow, status: int) -> Event:
        """The end of a search whose runner said none."""
        if self._wanted() == "cancel":
            return ending("cancelled", f"cancelled; {self._go_on(row)}", None)
        log = self._home.run(row.id) / "runner.log"
        message = f"the runner died {DEATHS} times, last with {in_words(status)}; its log is {log}"
        return ending("failed", message, None)

    def _go_on(self, row: SearchRow) -> str:
        return f"go on with: {self._resume_by.format(id=row.id)}"


def new_id() -> str:
    """A search id that sorts by time: date, time (UTC) and eight random letters."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
