"""Pools: where evaluations run. `Pool` is the seam; `serial` runs in this process, `ray` on actors."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from models.plan import Plan
from search.records import Evaluation


class Pool(Protocol):
    """Evaluates plans on its workers."""

    def evaluate(self, plans: Sequence[Plan], split: str = "search") -> Iterator[Evaluation]:
        """One evaluation per plan, as they finish (any order).

        Raises:
            EvaluationError: a plan could not be evaluated, after the pool's own bounded retries.
        """
        ...

    def digest(self, split: str) -> str:
        """`Evaluator.digest` of the pool's evaluators."""
        ...

    def close(self) -> None:
        """Stop the workers and free what they hold; may be called twice."""
        ...
