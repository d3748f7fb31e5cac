"""The process that runs one search: `python -m search.runner`.

In: one line of JSON on stdin (job, target, what is done, archive, stored latency models), which then stays open.
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
from typing import IO, Any

from search.errors import SearchError
from search.records import Event

PARENT_GONE = 3
"""Exit status when the parent has gone."""

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the search that arrives on stdin. Exit status 0 once `end` was written, whatever it says."""
    out = _own_stdout()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return PARENT_GONE
    request = json.loads(line)
    _die_with(request["parent"])
    lock = threading.Lock()

    def emit(event: Event) -> None:
        text = json.dumps({"kind": event.kind, "key": event.key, "data": dict(event.data)}, allow_nan=False)
        with lock:
            out.write(text + "\n")
            out.flush()

    try:
        emit(_run(request, emit))
    except BrokenPipeError:
        return PARENT_GONE
    return 0


def _run(request: dict[str, Any], emit: Any) -> Event:
    try:
        from search.flow import Request, run

        return run(Request.from_dict(request), emit)
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


def _own_stdout() -> IO[str]:
    """Keep stdout for events alone: what libraries print (also from C) goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return out


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(PARENT_GONE)  # it went before the kernel was told

    def watch() -> None:
        # not sys.stdin: a thread that holds its lock would abort the interpreter's exit
        while os.read(0, 4096):
            pass
        os._exit(PARENT_GONE)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
