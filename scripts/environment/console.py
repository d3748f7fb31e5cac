"""What the set-up tells its user: headlines, and one line of progress that is gentle to terminals and to log files."""

import sys
import threading
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
    """A line that is rewritten on a terminal, and repeated every `QUIET_SECONDS` elsewhere, news or not.

        with Progress("compiling") as progress:
            progress.update("12 of 73 files")

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
        self._state = "starting"
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._keep_ticking, daemon=True)

    def __enter__(self) -> "Progress":
        self._ticker.start()
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._over.set()
        self._ticker.join()
        if error is None:
            self._write(f"{self._title}: done in {elapsed(self._clock() - self._start)}", final=True)
        elif self._live:
            self._stream.write("\n")

    def update(self, state: str) -> None:
        """Tell how far it is; shown if it is time to."""
        self._state = state
        self.tick()

    def tick(self) -> None:
        """Show the state, with the time since the start, if it is time to."""
        with self._lock:
            now = self._clock()
            if now - self._last >= (0.2 if self._live else QUIET_SECONDS):
                self._last = now
                self._write(f"{self._title}: {self._state}, {elapsed(now - self._start)}", final=False)

    def _keep_ticking(self) -> None:
        while not self._over.wait(1.0):
            self.tick()

    def _write(self, text: str, final: bool) -> None:
        line = f"[setup]   {text}"
        if self._live:
            self._stream.write(f"\r\x1b[K{line[:110]}" + ("\n" if final else ""))
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()
