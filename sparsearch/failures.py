"""What a failed command says and returns: one message (what came, what was expected, the remedy), one exit code."""

import os
import sys
from collections.abc import Callable

from latency.errors import LatencyError, SettingError
from models.errors import CheckpointError, ModelError
from search.errors import BudgetError, JobError, SamplerError, SearchError, TargetError
from sparsearch.client.errors import Busy, ClientError, Infeasible, NotFound, Refused, Unreachable

OK, REFUSED, INFEASIBLE, FAILED, CANCELLED, TRY_AGAIN = 0, 2, 3, 4, 5, 75
"""Exit codes: done; the request was refused; no plan can meet the budget; it broke; it was interrupted; the service is
full or cannot be reached."""

DEBUG = "SPARSEARCH_DEBUG"

_REFUSALS = (BudgetError, JobError, TargetError, SamplerError, SettingError)


def code_of(error: BaseException) -> int:
    """The exit code of an error that ends a command."""
    if isinstance(error, KeyboardInterrupt):
        return CANCELLED
    if isinstance(error, _REFUSALS):
        return REFUSED
    if isinstance(error, ClientError):
        return _code_of_service(error)
    if isinstance(error, ModelError) and not isinstance(error, CheckpointError):
        return REFUSED
    return FAILED


def _code_of_service(error: ClientError) -> int:
    if isinstance(error, Busy | Unreachable):
        return TRY_AGAIN
    if isinstance(error, Infeasible):
        return INFEASIBLE
    # as for searches stored here, an unknown id is no wrong request but something that has gone
    return REFUSED if isinstance(error, Refused) and not isinstance(error, NotFound) else FAILED


def message_of(error: BaseException) -> str:
    """One line or a few for people; foreseen errors speak for themselves."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, SearchError | ModelError | LatencyError | ClientError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    first = (str(error).splitlines() or [""])[0]
    return f"unexpected {type(error).__name__}: {first}; run again with {DEBUG}=1 for the traceback"


def guarded(run: Callable[[], int | None]) -> int:
    """Run a command; whatever goes wrong becomes a message on stderr and an exit code."""
    try:
        return run() or OK
    except BrokenPipeError:
        # the reader of our output has gone; Python would complain again while flushing at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG):
            raise
        print(f"error: {message_of(error)}", file=sys.stderr)
        return code_of(error)
