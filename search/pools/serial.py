"""The pool of one: evaluates in this process, in order."""

from collections.abc import Iterator, Sequence

from models.plan import Plan
from search.evaluators.protocol import Evaluator, EvaluatorFactory
from search.records import Evaluation


class SerialPool:
    """One evaluator, built at first use.

    Args:
        factory: builds the evaluator.
    """

    def __init__(self, factory: EvaluatorFactory) -> None:
        self._factory = factory
        self._evaluator: Evaluator | None = None

    def evaluate(self, plans: Sequence[Plan], split: str = "search") -> Iterator[Evaluation]:
        """See `Pool.evaluate`; results come in the order of `plans`."""
        for plan in plans:
            yield self._built().evaluate(plan, split)

    def digest(self, split: str) -> str:
        """See `Pool.digest`."""
        return self._built().digest(split)

    def close(self) -> None:
        """Free the evaluator."""
        evaluator, self._evaluator = self._evaluator, None
        if evaluator is not None:
            evaluator.close()

    def _built(self) -> Evaluator:
        if self._evaluator is None:
            self._evaluator = self._factory()
        return self._evaluator
