"""Running a program with its output in a log file; and the lock that survives its owner's children."""

import contextlib
import fcntl
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.environment.console import say
from scripts.environment.errors import SetupError

STRIPPED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")
"""Settings of the caller's shell that would send packages elsewhere."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without `STRIPPED`, plus `extra`."""
    kept = {name: value for name, value in os.environ.items() if name not in STRIPPED}
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"} | dict(extra or {})


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep_fd: int | None = None,
    on_line: Callable[[str], None] = lambda line: None,
) -> None:
    """Run `command`; every line of its output goes to `log` and to `on_line`.

    Args:
        keep_fd: a descriptor the program inherits. With the descriptor of `exclusive`, a program that outlives a killed
            set-up keeps the lock, so that no second set-up writes beside it.
    Raises:
        SetupError: the program failed; the message has its last lines and names the log.
    """
    arguments = [str(argument) for argument in command]
    last: deque[str] = deque(maxlen=12)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", buffering=1) as sink:
        sink.write(f"$ {' '.join(arguments)}\n")
        sink.flush()
        with subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=clean_environment(env),
            cwd=cwd,
            pass_fds=() if keep_fd is None else (keep_fd,),
        ) as process:
            assert process.stdout is not None  # PIPE was asked for
            for line in process.stdout:
                sink.write(line)
                last.append(line.rstrip())
                on_line(line.rstrip())
    if process.returncode:
        tail = "\n  ".join(line[:200] for line in last)
        raise SetupError(
            f"`{' '.join(arguments)}` failed ({ending(process.returncode)}):\n  {tail}\nThe whole log: {log}"
        )


def ending(status: int) -> str:
    """`exit 1`, or the signal that ended a program: `killed by SIGKILL`, which is often the system out of memory."""
    if status >= 0:
        return f"exit {status}"
    number = signal.Signals(-status)
    hint = "; was the memory exhausted? Try MAX_JOBS=1" if number == signal.SIGKILL else ""
    return f"killed by {number.name}{hint}"


@contextlib.contextmanager
def exclusive(path: Path, what: str) -> Iterator[int]:
    """Hold the file lock `path`, yield its descriptor; when another set-up holds it, say so and wait for that one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"another set-up (process {file.read().strip() or 'unknown'}) is working on {what}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()
