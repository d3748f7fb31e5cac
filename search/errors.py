"""The error family of `search`: one root, so that a front door can turn everything foreseen into one plain line.

SearchError
├── BudgetError      a latency budget that is no budget
├── JobError         a field of a search request
├── TargetError      a target: unknown, or its config, checkpoint or data is missing or broken
├── SamplerError     a sampler given what it cannot work with
├── EvaluationError  an evaluation that could not be made
│   └── NotFiniteError  its metrics are no finite numbers
├── ExecutorError    what evaluations run on is gone, and could not be started again
├── StoreError       the database: locked, damaged, of another version, unknown search
├── RunnerError      the process that runs a search
├── LaunchError      the ranks of torchpack or torchrun
└── ExportError      a bundle that cannot be written or does not check out
"""


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


class RunnerError(SearchError):
    """The process that runs a search died or spoke out of turn."""


class LaunchError(SearchError):
    """The ranks of a launcher cannot work together."""


class ExportError(SearchError, ValueError):
    """A bundle cannot be written, or a written one does not check out."""
