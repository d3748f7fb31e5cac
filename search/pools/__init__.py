"""Pools: where evaluations run. `Pool` is the seam; `serial` runs in this process, `ray` on actors."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from models.plan import Plan
from search.attempts import Attempts
from search.evaluators.protocol import EvaluatorFactory
from search.records import Evaluation, Failure, Job


class Pool(Protocol):
    """Evaluates plans on its workers."""

    def evaluate(
        self, plans: Iterable[Plan], split: str = "search", attempts: Attempts | None = None
    ) -> Iterator[Evaluation | Failure]:
        """One evaluation or failure per plan, as they finish (any order).

        A plan whose evaluation raises, hangs or ends its process is tried again, `search.attempts.ATTEMPTS` times in
        all. What our own evaluators raise on purpose (`EvaluationError`) they would raise again: it fails at once.

        Args:
            plans: taken one at a time as workers get free: when they end early, what runs is still finished.
            split: "search", "confirm" or "report".
            attempts: of this search; None: forgotten afterwards.
        Raises:
            TargetError: no plan can be evaluated: model or data cannot be used.
            EvaluationError: the workers cannot be started.
            ExecutorError: what the workers run on is lost, and cannot be started again in this process.
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
        job: kind of pool, number of workers and how long an evaluation may take.
        factory: builds an evaluator in the process that will use it.
        gpus: GPUs that the workers share.
    """
    if job.pool == "serial":
        from search.pools.serial import SerialPool

        return SerialPool(factory, job.evaluation_timeout_s)
    from search.pools.ray import RayPool

    return RayPool(factory, job.workers, gpus=gpus, timeout_s=job.evaluation_timeout_s)
