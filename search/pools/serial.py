"""The pool of one: evaluates in this process, in order."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from models.plan import Plan
from search.attempts import Attempts
from search.errors import TargetError
from search.evaluators.protocol import Evaluator, EvaluatorFactory
from search.pools.mishaps import mishap
from search.records import Evaluation, Failure


class SerialPool:
    """One evaluator, built at first use. An evaluation that crashes takes this process with it; see `search.attempts`.

    Args:
        factory: builds the evaluator.
        timeout_s: an evaluation that takes longer ends this process with SIGALRM; None: no limit.
    """

    def __init__(self, factory: EvaluatorFactory, timeout_s: float | None = None) -> None:
        self._factory = factory
        self._timeout_s = timeout_s
        self._evaluator: Evaluator | None = None

    def evaluate(
        self, plans: Iterable[Plan], split: str = "search", attempts: Attempts | None = None
    ) -> Iterator[Evaluation | Failure]:
        """See `Pool.evaluate`; results come in the order of `plans`."""
        counted = attempts or Attempts()
        for plan in plans:
            yield self._outcome(plan, split, counted)

    def digest(self, split: str) -> str:
        """See `Pool.digest`."""
        return self._built().digest(split)

    def close(self) -> None:
        """Free the evaluator."""
        evaluator, self._evaluator = self._evaluator, None
        if evaluator is not None:
            evaluator.close()

    def _outcome(self, plan: Plan, split: str, attempts: Attempts) -> Evaluation | Failure:
        failure = attempts.failure(plan, split)
        while failure is None:
            evaluator = self._built()
            attempts.begin(plan, split)
            try:
                with _limit(self._timeout_s):
                    return evaluator.evaluate(plan, split)
            except TargetError:
                raise
            except Exception as error:  # evaluators call libraries that raise whatever they like
                met = mishap(error)
                failure = attempts.miss(plan, split, met.cause, met.reason, met.final)
        return failure

    def _built(self) -> Evaluator:
        if self._evaluator is None:
            self._evaluator = self._factory()
        return self._evaluator


@contextmanager
def _limit(seconds: float | None) -> Iterator[None]:
    """Let the kernel end this process if the block takes longer: that works even when C code keeps Python's lock."""
    if seconds is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
