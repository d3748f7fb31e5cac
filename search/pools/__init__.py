"""Pools: where evaluations run. `Pool` is the seam; `serial` runs in this process, `ray` on actors."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from models.plan import Plan
from search.evaluators.protocol import EvaluatorFactory
from search.records import Evaluation, Job


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


def open_pool(job: Job, factory: EvaluatorFactory, gpus: int = 0) -> Pool:
    """The pool that a job asks for.

    Args:
        job: kind of pool and number of workers.
        factory: builds an evaluator in the process that will use it.
        gpus: GPUs that the workers share.
    """
    if job.pool == "serial":
        from search.pools.serial import SerialPool

        return SerialPool(factory)
    from search.pools.ray import RayPool

    return RayPool(factory, job.workers, gpus=gpus)
