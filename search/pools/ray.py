"""The pool of many: Ray actors, each of which keeps an evaluator loaded.

Ray is muscle here, not memory: it holds no state that a search needs. A worker that dies or hangs costs the evaluation
it was making, which is made again on a new one; when Ray itself is lost it is started anew.
"""

from collections.abc import Iterable, Iterator

from models.plan import Plan
from search.attempts import Attempts
from search.errors import EvaluationError
from search.evaluators.protocol import EvaluatorFactory
from search.pools.ray_batch import Batch
from search.pools.ray_crew import Crew
from search.records import Evaluation, Failure


class RayPool:
    """Evaluators on Ray actors, started when first used.

    Args:
        factory: builds an evaluator inside an actor; picklable.
        workers: actors.
        gpus: GPUs in all, shared evenly; 0 gives each actor a core.
        timeout_s: an actor whose evaluation takes longer is killed; None: no limit.
    Raises:
        EvaluationError: fewer than one worker; from the other methods: Ray cannot be started.
    """

    def __init__(self, factory: EvaluatorFactory, workers: int, gpus: int = 0, timeout_s: float | None = None) -> None:
        if workers < 1:
            raise EvaluationError(f"workers={workers} must be at least 1")
        self._crew = Crew(factory, workers, gpus)
        self._timeout_s = timeout_s

    def evaluate(
        self, plans: Iterable[Plan], split: str = "search", attempts: Attempts | None = None
    ) -> Iterator[Evaluation | Failure]:
        """See `Pool.evaluate`."""
        return Batch(self._crew, plans, split, attempts or Attempts(), self._timeout_s).run()

    def digest(self, split: str) -> str:
        """See `Pool.digest`."""
        return self._crew.digest(split)

    def close(self) -> None:
        """See `Pool.close`. Ends the actors' processes, and the Ray instance if this pool started it."""
        self._crew.close()

    def pids(self) -> list[int]:
        """Process ids of the actors that have loaded their evaluator, for tests and diagnosis."""
        return self._crew.pids()
