"""Progress that is worth a row: at most one remark a second, with a rate and an ETA."""

from collections.abc import Callable

from search.journal import Journal


class Progress:
    """Counts the units of one phase.

    Args:
        journal: takes the remarks.
        phase: "measure", "evaluate", "verify" or "confirm".
        total: units in all.
        clock: seconds, monotonic.
        done: units finished by an earlier run.
    """

    def __init__(self, journal: Journal, phase: str, total: int, clock: Callable[[], float], done: int = 0) -> None:
        self._journal = journal
        self._phase = phase
        self._total = total
        self._clock = clock
        self._done = done
        self._fresh = 0
        self._started = clock()
        self._told = -1.0

    def advance(self, units: int = 1) -> None:
        """Count finished units."""
        self.at(self._done + units)

    def at(self, done: int) -> None:
        """Say how many units are finished in all."""
        self._fresh += done - self._done
        self._done = done
        elapsed = self._clock() - self._started
        if self._told >= 0 and elapsed - self._told < 1.0 and done < self._total:
            return
        self._told = elapsed
        rate = self._fresh / elapsed if elapsed > 0 and self._fresh > 0 else None
        eta = (self._total - done) / rate if rate else None
        self._journal.note(
            "progress", {"phase": self._phase, "done": done, "total": self._total, "rate": rate, "eta_s": eta}
        )
