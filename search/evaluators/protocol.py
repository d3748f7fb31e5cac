"""The seam to accuracy: what a flow, a pool and a sampler may expect of an evaluator."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from models.plan import Plan
from search.records import Evaluation


class Evaluator(Protocol):
    """The metric of a plan on the images of a split. Holds a loaded model; used by one thread.

    Equal plans on equal images give equal metrics, in any process: pools and resuming rely on it.
    """

    def digest(self, split: str) -> str:
        """What identifies the images and annotations of a split (the archive is keyed by it).

        Raises:
            TargetError: the split is missing or empty; names the file.
        """
        ...

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        """The metrics of `plan`.

        Args:
            plan: a legal plan.
            split: "search", "confirm" or "report".
            blocks: which image blocks of the split's common order; None: all of them.
        Raises:
            EvaluationError: the metrics could not be computed or are not finite.
        """
        ...

    def close(self) -> None:
        """Free the model and the images."""
        ...


EvaluatorFactory: TypeAlias = Callable[[], Evaluator]
"""Builds an evaluator inside the process that will use it; picklable, cheap to send."""
