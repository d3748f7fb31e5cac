"""What the set-up tells its user: headlines, and one line of progress that is gentle to terminals and to log files."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

QUIET_SECONDS = 15.0
"""Without a terminal, progress is printed at most this often."""


def say(text: str) -> None:
    """One line to the user, at once."""
    print(f"[setup] {text}", flush=True)


def elapsed(seconds: float) -> str:
    """`75` -> `1:15`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """A line that is rewritten on a terminal, and repeated every `QUIET_SECONDS` elsewhere.

    Args:
        title: what is being done.
        stream: where to write.
        clock: seconds, monotonic.
    """

    def __init__(self, title: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._stream = stream or sys.stdout
        self._clock = clock
        self._start = clock()
        self._live = self._stream.isatty()
        self._last = self._start if not self._live else float("-inf")

    def update(self, state: str) -> None:
        """Show `state` if it is time to."""
        now = self._clock()
        if now - self._last < (0.2 if self._live else QUIET_SECONDS):
            return
        self._last = now
        line = f"[setup]   {self._title}: {state}, {elapsed(now - self._start)}"
        self._stream.write(f"\r\x1b[K{line[:110]}" if self._live else f"{line}\n")
        self._stream.flush()

    def done(self) -> None:
        """Close the line with the time it took."""
        line = f"[setup]   {self._title}: done in {elapsed(self._clock() - self._start)}"
        self._stream.write(f"\r\x1b[K{line}\n" if self._live else f"{line}\n")
        self._stream.flush()
