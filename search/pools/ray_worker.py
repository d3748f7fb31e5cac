"""The inside of a Ray actor: one evaluator, kept loaded. Everything here runs in the actor's process."""

import os
from typing import Any, Protocol, runtime_checkable

from models.plan import Plan
from search.evaluators.protocol import Evaluator, EvaluatorFactory
from search.records import Evaluation


@runtime_checkable
class SharingFactory(Protocol):
    """A factory whose evaluators can work on images that were read once, in the driver."""

    def __call__(self) -> Evaluator: ...

    def share(self, split: str) -> Any:
        """The images of a split; what its evaluators' `adopt(split, images)` takes."""


class Worker:
    """Builds its evaluator when it is told to, so that what goes wrong then can be told from what a plan does.

    Args:
        factory: builds the evaluator.
    """

    def __init__(self, factory: EvaluatorFactory) -> None:
        self._factory = factory
        self._evaluator: Any = None

    def prepare(self) -> int:
        """Build the evaluator; returns the id of this process."""
        if self._evaluator is None:
            self._evaluator = self._factory()
        return os.getpid()

    def evaluate(self, plan: Plan, split: str, images: Any) -> Evaluation:
        """One evaluation; `images` are those of `SharingFactory.share`, or None."""
        if images is not None:
            self._evaluator.adopt(split, images)
        found: Evaluation = self._evaluator.evaluate(plan, split)
        return found

    def digest(self, split: str) -> str:
        """`Evaluator.digest`."""
        self.prepare()
        found: str = self._evaluator.digest(split)
        return found
