"""The runner as a child process: started, spoken to, listened to, stopped within seconds with all its children."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from search.errors import RunnerError
from search.pools.mishaps import Mishap, died, too_slow

GRACE_S = 3.0
"""Time between asking a runner to stop and killing it."""

LOST = 4
"""Exit status of a runner that lost what it evaluates on, and that another one may do without."""

ROUNDS = 50
"""How often it is looked for processes that a runner has left behind."""

MARK = "SPARSEARCH_RUNNER"
"""Environment variable that a runner and whatever it starts inherit: Ray's daemons leave its process group."""

COMMAND: tuple[str, ...] = (sys.executable, "-m", "search.runner")
_ROOT = Path(__file__).resolve().parent.parent


class RunnerProcess:
    """One runner.

    Args:
        request: the line it reads first; `parent` is added.
        log: file that its stderr is appended to.
        command: what to start.
    Raises:
        RunnerError: it could not be started.
    """

    def __init__(self, request: Mapping[str, Any], log: Path, command: Sequence[str] = COMMAND) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(_ROOT))))
        self._mark = f"{MARK}={secrets.token_hex(8)}"
        name, _, token = self._mark.partition("=")
        try:
            with log.open("ab") as errors:
                # a session of its own: Ctrl-C in the terminal reaches us alone, and we stop it in order
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                    env={**os.environ, "PYTHONPATH": path, name: token},
                )
        except OSError as error:
            raise RunnerError(f"cannot start the runner ({' '.join(command)}): {error.strerror}") from None
        self._timer: threading.Timer | None = None
        self._speaking = threading.Lock()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once; reading its output will tell
            self._process.stdin.write(json.dumps({**request, "parent": os.getpid()}).encode() + b"\n")
            self._process.stdin.flush()

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """The JSON objects it writes, until it ends; a torn last line is what a killed runner leaves.

        Raises:
            RunnerError: a whole line is no JSON object.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                return
            try:
                data = json.loads(line)
            except ValueError:
                raise RunnerError(f"the runner wrote {line[:120]!r}, which is no event") from None
            if not isinstance(data, dict):
                raise RunnerError(f"the runner wrote {line[:120]!r}, which is no event")
            yield data

    def tell(self, command: Mapping[str, Any]) -> None:
        """Send it a line; one that is ending does not hear it. Any thread may call it."""
        assert self._process.stdin is not None
        # a pipe takes a line as short as this whole, and at once
        with contextlib.suppress(BrokenPipeError, ValueError), self._speaking:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()

    def stop(self, grace_s: float | None = None) -> None:
        """Ask it to end, and kill it when it has not after a while. Returns at once; any thread may call it.

        Args:
            grace_s: how long it may take; None: `GRACE_S`.
        """
        self._signal(signal.SIGTERM)
        if self._timer is None:
            self._timer = threading.Timer(GRACE_S if grace_s is None else grace_s, self._signal, (signal.SIGKILL,))
            self._timer.daemon = True
            self._timer.start()

    def wait(self) -> int:
        """Reap it, and whatever it started. Returns its exit status, negative for a signal."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError), self._speaking:
            self._process.stdin.close()
        try:
            status = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            status = self._process.wait()
        if self._timer is not None:
            self._timer.cancel()
        self._process.stdout.close()
        self._sweep()
        return status

    def _sweep(self) -> None:
        """Kill what it has left behind; what was being started meanwhile is met in a second round."""
        for _ in range(ROUNDS):
            left = _marked(self._mark)
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def in_words(status: int) -> str:
    """What an exit status says."""
    if status == LOST:
        return "what it evaluates on lost"
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def cause_of(status: int, starved: bool, timeout_s: float) -> Mishap:
    """Why an evaluation inside a runner failed, from how that process ended.

    Args:
        status: of the process; negative for a signal.
        starved: whether the kernel has killed for memory meanwhile.
        timeout_s: of an evaluation, whose alarm is SIGALRM.
    """
    if status == -signal.SIGALRM:
        return too_slow(timeout_s)
    return died("it ended the process that made it", starved and status == -signal.SIGKILL, in_words(status))


def _marked(mark: str) -> list[int]:
    """Processes of this user that carry a mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # not ours, or gone
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
