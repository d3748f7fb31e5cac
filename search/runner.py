"""The process that runs one search: `python -m search.runner`.

In: one line of JSON on stdin (job, target, what is done, archive, stored latency models), which then stays open.
A later line {"command": "stop"} lets it finish what runs, and answer with what it has.
Out: events as JSON lines on stdout, the last of kind `end`. Everything else that prints goes to stderr, a log file.
It ends with its parent: stdin closes when the parent dies, and the kernel sends SIGKILL.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from search.errors import ExecutorError, SearchError
from search.process import LOST
from search.records import Event

PARENT_GONE = 3
"""Exit status when the parent has gone."""

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the search that arrives on stdin. Exit status 0 once `end` was written, whatever it says."""
    out = own_stdout()
    line, more = _first_line()
    if not line:
        return PARENT_GONE
    request = json.loads(line)
    stopping = threading.Event()

    def obey(heard: bytes) -> None:
        if b'"stop"' in heard:  # the only command there is
            stopping.set()

    obey(more)
    die_with(request["parent"], obey)
    # an evaluation that hangs is ended by the kernel, whatever this process has inherited
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    lock = threading.Lock()

    def emit(event: Event) -> None:
        text = json.dumps({"kind": event.kind, "key": event.key, "data": dict(event.data)}, allow_nan=False)
        with lock:
            out.write(text + "\n")
            out.flush()

    try:
        emit(_run(request, emit, stopping))
    except BrokenPipeError:
        return PARENT_GONE
    except ExecutorError as error:
        # no end of the search: another process may do better. What is left of Ray could keep this one from ending.
        emit(Event("log", {"level": "error", "message": str(error)}))
        os._exit(LOST)
    return 0


def _first_line() -> tuple[bytes, bytes]:
    """The first line of stdin, empty when there is no whole one, and what came right after it."""
    heard = bytearray()
    while b"\n" not in heard:
        chunk = os.read(0, 1 << 20)
        if not chunk:
            return b"", b""
        heard += chunk
    line, _, more = bytes(heard).partition(b"\n")
    return line, more


def _run(request: dict[str, Any], emit: Callable[[Event], None], stopping: threading.Event) -> Event:
    try:
        from search.flow import Request, run

        return run(Request.from_dict(request), emit, stopping.is_set)
    except ExecutorError:
        raise
    except SearchError as error:
        return _failed(str(error))
    except Exception as error:
        traceback.print_exc()
        if _is_ours(error):
            return _failed(str(error))
        return _failed(f"unexpected {type(error).__name__}: {error}; the log of the run has the details")


def _is_ours(error: Exception) -> bool:
    from latency.errors import LatencyError
    from models.errors import ModelError

    return isinstance(error, LatencyError | ModelError)


def _failed(message: str) -> Event:
    return Event("end", {"state": "failed", "message": message, "answer": None})


def own_stdout() -> IO[str]:
    """Keep stdout for events alone: what libraries print (also from C) goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return out


def die_with(parent: int, obey: Callable[[bytes], None] = lambda heard: None) -> None:
    """End this process when the process `parent` ends: the kernel kills it, or its stdin closes.

    Args:
        obey: gets what arrives on stdin until then.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(PARENT_GONE)  # it went before the kernel was told

    def watch() -> None:
        # not sys.stdin: a thread that holds its lock would abort the interpreter's exit
        while heard := os.read(0, 4096):
            obey(heard)
        os._exit(PARENT_GONE)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
