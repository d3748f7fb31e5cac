"""The error family of `search`: one root, so that a front door can turn everything foreseen into one plain line.

SearchError
├── BudgetError      a latency budget that is no budget
├── JobError         a field of a search request
├── TargetError      a target: unknown, or its config, checkpoint or data is missing or broken
├── SamplerError     a sampler given what it cannot work with
├── EvaluationError  an evaluation that could not be made
│   └── NotFiniteError  its metrics are no finite numbers
├── ExecutorError    what evaluations run on is gone, and could not be started again
├── StoreError       the database: locked, damaged, of another version
│   ├── StoreUnavailable   it cannot be reached or written now; the same call may work later
│   ├── UnknownSearch      no search has that id
│   ├── UnknownTrial       the search has no trial of that number
│   └── UnknownCheckpoint  no uploaded checkpoint has that id
├── StateConflict    what was asked is not possible in the state that the search is in
├── QueueFull        too many searches wait already
├── IdempotencyMismatch  a key that came with another request before
├── NotReady         the service is starting or going down
├── RunnerError      the process that runs a search
├── LaunchError      the ranks of torchpack or torchrun
└── ExportError      a bundle that cannot be written or does not check out
"""

# ruff: noqa: N818  # what a caller is answered (unknown, full, in conflict) is named as the answer is
from collections.abc import Collection


class SearchError(Exception):
    """Root of every error this package raises on purpose."""


class BudgetError(SearchError, ValueError):
    """A budget is not a positive, finite number of milliseconds, or its bounds are crossed."""


class JobError(SearchError, ValueError):
    """A field of a search request is out of range; the message names the field."""


class TargetError(SearchError, ValueError):
    """A target is unknown, or its config, checkpoint or data is missing or broken; the message names the file."""


class SamplerError(SearchError, ValueError):
    """A sampler cannot work with what it was given: a space too large, a latency that is no number."""


class EvaluationError(SearchError):
    """The accuracy of a plan could not be computed."""


class NotFiniteError(EvaluationError):
    """An evaluation gave a metric that is NaN or infinite."""


class ExecutorError(SearchError):
    """What evaluations run on is gone and cannot be started again in this process; another process may succeed."""


class StoreError(SearchError):
    """The database cannot be used; the message names the file and the remedy."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or written at the moment; the same call may work later."""


class UnknownSearch(StoreError, LookupError):
    """No search has that id."""


class UnknownTrial(StoreError, LookupError):
    """The search has no trial of that number."""


class UnknownCheckpoint(StoreError, LookupError):
    """No uploaded checkpoint has that id."""


class StateConflict(SearchError):
    """What was asked is not possible in the state that the search is in.

    Args:
        state: the state it is in.
        allowed: the states in which it would be possible.
    """

    def __init__(self, state: str, allowed: Collection[str]) -> None:
        self.state = state
        self.allowed = tuple(sorted(allowed))
        super().__init__(f"the search is {state}; this is possible when it is {' or '.join(self.allowed)}")


class QueueFull(SearchError):
    """Too many searches wait already.

    Args:
        cap: how many may.
    """

    def __init__(self, cap: int) -> None:
        self.cap = cap
        super().__init__(f"{cap} searches wait already, which is the limit; try again when one has begun")


class IdempotencyMismatch(SearchError):
    """An idempotency key came with another request before."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another request before; send a new key with a new request")


class NotReady(SearchError):
    """The service is starting or going down; the same request may work in a moment."""


class RunnerError(SearchError):
    """The process that runs a search died or spoke out of turn."""


class LaunchError(SearchError):
    """The ranks of a launcher cannot work together."""


class ExportError(SearchError, ValueError):
    """A bundle cannot be written, or a written one does not check out."""
