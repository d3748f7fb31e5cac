"""Attempts: how often a plan was tried, and when trying ends. Kept in the journal, so that a resumed search knows.

An evaluation may end the process that makes it. So what runs inside the runner is announced first; when the runner
dies, whoever saw it die (the coordinator) adds how, and the next runner reads both.

==========  ======================================================  =========================
state       written by                                              counts
==========  ======================================================  =========================
started     the runner, before it evaluates                         no
failed      the runner after an error; the coordinator after a      yes
            death, or a pool whose worker died
released    the coordinator that was told to end the runner         no
lost        the next coordinator: runner and coordinator ended      once in `ATTEMPTS`: it is
            together, and nobody knows why                          hardly the plan's fault
==========  ======================================================  =========================
"""

from collections.abc import Mapping
from typing import Any

from models.plan import Plan
from search.journal import Journal
from search.records import Cause, Event, Failure, Kind

ATTEMPTS = 3
"""How often a plan is tried in all."""

_WEIGHT = {"started": 0.0, "failed": 1.0, "released": 0.0, "lost": 1 / ATTEMPTS}


class Attempts:
    """The attempts of one search.

    Args:
        journal: where they are kept; None: nowhere, for evaluations outside of searches.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal or Journal(lambda event: None)

    def begin(self, plan: Plan, split: str) -> None:
        """Announce an attempt that may end this process."""
        made = self._made(plan, split)
        self._write(plan, split, len(made) + 1, "started", "", None, None)

    def miss(self, plan: Plan, split: str, cause: Cause, reason: str, final: bool = False) -> Failure | None:
        """Enter an attempt that failed.

        Args:
            final: another would fail alike.
        Returns:
            The failure of the plan, when it may not be tried again.
        """
        made = self._made(plan, split)
        number = len(made) if made and made[-1]["state"] == "started" else len(made) + 1
        self._write(plan, split, number, "failed", ":end", cause, reason)
        return Failure(plan, cause, reason, self._tries(plan, split)) if final else self.failure(plan, split)

    def failure(self, plan: Plan, split: str) -> Failure | None:
        """The failure of a plan that was tried often enough; None: it may be tried (again)."""
        made = self._made(plan, split)
        if sum(_WEIGHT[data["state"]] for data in made) < ATTEMPTS - 1e-9:
            return None
        last = next(data for data in reversed(made) if data["cause"] is not None)
        return Failure(plan, last["cause"], last["reason"], self._tries(plan, split))

    def used(self, plan: Plan, split: str) -> int:
        """How many attempts a plan took that has now been evaluated."""
        made = self._made(plan, split)
        # who dies alone is announced only when it has failed
        unannounced = not made or made[-1]["state"] != "started"
        return self._tries(plan, split) + unannounced

    def note(self, kind: Kind, data: Mapping[str, Any]) -> None:
        """A passing remark of whoever evaluates."""
        self._journal.note(kind, data)

    def _tries(self, plan: Plan, split: str) -> int:
        return sum(data["state"] != "released" for data in self._made(plan, split))

    def _made(self, plan: Plan, split: str) -> list[Mapping[str, Any]]:
        """The attempts so far, each as its end says, or as its start when it has none."""
        made: list[Mapping[str, Any]] = []
        while True:
            key = _key(plan, split, len(made) + 1)
            data = self._journal.find(key + ":end") or self._journal.find(key)
            if data is None:
                return made
            made.append(data)

    def _write(
        self, plan: Plan, split: str, number: int, state: str, suffix: str, cause: Cause | None, reason: str | None
    ) -> None:
        data = {
            "split": split,
            "plan": dict(plan),
            "attempt": number,
            "state": state,
            "cause": cause,
            "reason": reason,
        }
        self._journal.record("attempt", _key(plan, split, number) + suffix, data)


def following(running: Event | None, event: Event) -> Event | None:
    """The attempt that runs inside the runner after `event`, if `running` did before it."""
    if event.kind == "attempt":
        return event if event.data["state"] == "started" else None
    return None if event.kind in ("evaluation", "failure", "confirm") else running


def ended(running: Event, state: str, cause: Cause | None = None, reason: str | None = None) -> Event:
    """The event that ends a running attempt.

    Args:
        state: "failed", "released" or "lost".
    """
    return Event("attempt", {**running.data, "state": state, "cause": cause, "reason": reason}, f"{running.key}:end")


def _key(plan: Plan, split: str, number: int) -> str:
    knobs = ", ".join(f"{name}={value}" for name, value in sorted(plan.items()))
    return f"attempt:{split}:{knobs}:{number}"
