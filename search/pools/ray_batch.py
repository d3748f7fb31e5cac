"""One call of a Ray pool: plans go to free actors, results come back, whoever dies or is late is replaced."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from models.plan import Plan
from search.attempts import Attempts
from search.errors import EvaluationError, TargetError
from search.pools.mishaps import Mishap, died, mishap, oom_kills, too_slow
from search.pools.ray_crew import POLL_S, Crew, one_line, unable
from search.records import Evaluation, Failure

SETUP_S = 900.0
"""How long a worker may take to load its model."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What an actor is doing: setting itself up for a plan, or evaluating it.

    Args:
        deadline: on the monotonic clock.
        oom_kills: processes that the kernel had killed for memory when it began.
    """

    plan: Plan
    slot: int
    setting_up: bool
    deadline: float
    oom_kills: int


class Batch:
    """The state of one call.

    Args:
        crew: the actors.
        plans: taken one at a time, as actors get free.
        split: of the images.
        attempts: of the search.
        timeout_s: of one evaluation; None: no limit.
    """

    def __init__(
        self, crew: Crew, plans: Iterable[Plan], split: str, attempts: Attempts, timeout_s: float | None
    ) -> None:
        self._crew = crew
        self._plans = iter(plans)
        self._split = split
        self._attempts = attempts
        self._timeout_s = timeout_s
        self._again: deque[Plan] = deque()
        self._running: dict[Any, _Task] = {}
        self._outcomes: deque[Evaluation | Failure] = deque()

    def run(self) -> Iterator[Evaluation | Failure]:
        """Every outcome, as it comes."""
        try:
            while True:
                # news first: it may decide that no more plans are taken
                while self._outcomes:
                    yield self._outcomes.popleft()
                if self._crew.lost:
                    self._recover()
                self._fill()
                if self._running:
                    self._wait()
                elif not self._outcomes:
                    return
        finally:
            # nobody wants these any more, and the next call must find its actors idle
            for task in self._running.values():
                self._crew.drop(task.slot)

    def _fill(self) -> None:
        """Give every free actor something to do."""
        busy = {task.slot for task in self._running.values()}
        free = [slot for slot in range(self._crew.size) if slot not in busy]
        while free:
            plan = self._again.popleft() if self._again else next(self._plans, None)
            if plan is None:
                return
            failure = self._attempts.failure(plan, self._split)
            if failure is not None:  # by an earlier run of this search
                self._outcomes.append(failure)
            else:
                self._begin(plan, free.pop(0))

    def _begin(self, plan: Plan, slot: int) -> None:
        ready = self._crew.is_ready(slot)
        limit = (self._timeout_s or float("inf")) if ready else SETUP_S
        task = _Task(plan, slot, not ready, time.monotonic() + limit, oom_kills())
        reference = self._crew.evaluate(slot, plan, self._split) if ready else self._crew.set_up(slot)
        self._running[reference] = task

    def _wait(self) -> None:
        """Until something has happened, or it is time to look around."""
        nearest = min(task.deadline for task in self._running.values()) - time.monotonic()
        done, _ = self._crew.ray.wait(list(self._running), num_returns=1, timeout=max(0.0, min(POLL_S, nearest)))
        if self._crew.lost:
            return
        for reference in done:
            self._settle(reference, self._running.pop(reference))
        now = time.monotonic()
        for reference, task in list(self._running.items()):
            if task.deadline <= now:
                del self._running[reference]
                self._crew.drop(task.slot)
                if task.setting_up:
                    raise EvaluationError(f"a worker was not set up within {SETUP_S:g} s; see the log of this run")
                self._miss(task, too_slow(self._timeout_s or 0.0))

    def _settle(self, reference: Any, task: _Task) -> None:
        ray = self._crew.ray
        try:
            found = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if task.setting_up or isinstance(error.cause, TargetError):
                raise unable(error) from None
            self._miss(task, mishap(error.cause))
        except ray.exceptions.RayError as error:
            self._lose(task, error)
        else:
            if task.setting_up:
                self._crew.ready(task.slot, found)
                self._begin(task.plan, task.slot)
            else:
                self._crew.well()
                self._outcomes.append(found)

    def _lose(self, task: _Task, error: Exception) -> None:
        """An actor has gone, alone or with all of Ray."""
        if self._crew.going():
            self._again.append(task.plan)
        elif task.setting_up:
            self._crew.died_young(task.slot, error)
            self._again.append(task.plan)
        else:
            self._crew.drop(task.slot)
            starved = isinstance(error, self._crew.ray.exceptions.OutOfMemoryError) or oom_kills() > task.oom_kills
            self._miss(task, died("its worker died", starved, one_line(error)))

    def _miss(self, task: _Task, met: Mishap) -> None:
        failure = self._attempts.miss(task.plan, self._split, met.cause, met.reason, met.final)
        if failure is None:
            self._again.append(task.plan)
        else:
            self._outcomes.append(failure)

    def _recover(self) -> None:
        """Ray is lost. That is no plan's fault: what ran is submitted again and counts no attempt."""
        self._again.extendleft(task.plan for task in reversed(self._running.values()))
        self._running.clear()
        self._say(True, "ray-lost", "Ray is lost; it is started anew, and only what was running is evaluated again")
        started = time.monotonic()
        self._crew.recover()
        self._say(False, "ray-restarted", f"Ray is back after {time.monotonic() - started:.0f} s")

    def _say(self, status: bool, reason: str, message: str) -> None:
        self._attempts.note(
            "condition", {"type": "ExecutorLost", "status": status, "reason": reason, "message": message}
        )
