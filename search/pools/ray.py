"""The pool of many: Ray actors, each of which keeps an evaluator loaded.

Ray is muscle here, not memory: it holds no state that a search needs. A worker that dies costs the evaluation it was
making, which is made again on a new one.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from models.plan import Plan
from search.errors import EvaluationError, SearchError
from search.evaluators.protocol import Evaluator, EvaluatorFactory
from search.pools.ray_cluster import Cluster
from search.records import Evaluation

ATTEMPTS = 3
"""How often a plan is tried when the worker that evaluates it dies."""


@runtime_checkable
class SharingFactory(Protocol):
    """A factory whose evaluators can work on images that were read once, in the driver."""

    def __call__(self) -> Evaluator: ...

    def share(self, split: str) -> Any:
        """The images of a split; what its evaluators' `adopt(split, images)` takes."""


class Worker:
    """The inside of an actor. The evaluator is built at first use, so that its errors are those of an evaluation."""

    def __init__(self, factory: EvaluatorFactory) -> None:
        self._factory = factory
        self._evaluator: Any = None

    def evaluate(self, plan: Plan, split: str, images: Any) -> Evaluation:
        """One evaluation; `images` are those of `SharingFactory.share`, or None."""
        evaluator = self._built()
        if images is not None:
            evaluator.adopt(split, images)
        found: Evaluation = evaluator.evaluate(plan, split)
        return found

    def digest(self, split: str) -> str:
        """`Evaluator.digest`."""
        found: str = self._built().digest(split)
        return found

    def _built(self) -> Any:
        if self._evaluator is None:
            self._evaluator = self._factory()
        return self._evaluator


@dataclass(slots=True)
class _Task:
    plan: Plan
    deaths: int = 0
    slot: int = -1


class RayPool:
    """Evaluators on Ray actors, started when first used.

    Args:
        factory: builds an evaluator inside an actor; picklable.
        workers: actors.
        gpus: GPUs in all, shared evenly; 0 gives each actor a core.
        attempts: see `ATTEMPTS`.
    Raises:
        EvaluationError: fewer than one worker; from the other methods: Ray cannot be started.
    """

    def __init__(self, factory: EvaluatorFactory, workers: int, gpus: int = 0, attempts: int = ATTEMPTS) -> None:
        if workers < 1:
            raise EvaluationError(f"workers={workers} must be at least 1")
        self._factory = factory
        self._attempts = attempts
        self._cluster = Cluster(cpus=workers, gpus=gpus)
        self._options = {"num_cpus": 0 if gpus else 1, "num_gpus": gpus / workers, "max_restarts": 0}
        self._actors: list[Any] = [None] * workers
        self._shared: dict[str, Any] = {}

    def evaluate(self, plans: Sequence[Plan], split: str = "search") -> Iterator[Evaluation]:
        """See `Pool.evaluate`. Once a plan has failed nothing new is begun; what runs is still yielded."""
        if not plans:
            return
        ray = self._cluster.start()
        waiting = deque(_Task(plan) for plan in plans)
        free = list(range(len(self._actors)))[::-1]
        running: dict[Any, _Task] = {}
        failure: SearchError | None = None
        while running or (waiting and failure is None):
            while waiting and free and failure is None:
                task = waiting.popleft()
                task.slot = free.pop()
                running[self._actor(task.slot).evaluate.remote(task.plan, split, self._images(split))] = task
            (done,), _ = ray.wait(list(running), num_returns=1)
            task = running.pop(done)
            free.append(task.slot)
            try:
                found: Evaluation = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                failure = failure or _cause(error, task.plan)
                continue
            except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as error:
                self._drop(task.slot)
                task.deaths += 1
                if task.deaths >= self._attempts:
                    failure = failure or _death(task, error)
                else:
                    waiting.appendleft(task)
                continue
            yield found
        if failure is not None:
            raise failure

    def digest(self, split: str) -> str:
        """See `Pool.digest`."""
        ray = self._cluster.start()
        deaths = 0
        while True:
            try:
                found: str = ray.get(self._actor(0).digest.remote(split))
                return found
            except ray.exceptions.RayTaskError as error:
                raise _cause(error, None) from None
            except ray.exceptions.RayActorError as error:
                self._drop(0)
                deaths += 1
                if deaths >= self._attempts:
                    raise EvaluationError(f"a worker died {deaths} times while it was set up: {_line(error)}") from None

    def close(self) -> None:
        """See `Pool.close`. Ends the actors' processes, and the Ray instance if this pool started it."""
        for slot in range(len(self._actors)):
            self._drop(slot)
        self._shared.clear()
        self._cluster.stop()

    def pids(self) -> list[int]:
        """Process ids of the actors that run now, for tests and diagnosis."""
        ray = self._cluster.start()
        return [ray.get(actor.__ray_call__.remote(_pid)) for actor in self._actors if actor is not None]

    def _actor(self, slot: int) -> Any:
        if self._actors[slot] is None:
            ray = self._cluster.start()
            self._actors[slot] = ray.remote(Worker).options(**self._options).remote(self._factory)
        return self._actors[slot]

    def _drop(self, slot: int) -> None:
        actor, self._actors[slot] = self._actors[slot], None
        if actor is not None and self._cluster.running:
            self._cluster.start().kill(actor)

    def _images(self, split: str) -> Any:
        """One read-only copy in Ray's shared memory, whatever the number of actors; None where nothing is shared."""
        if not isinstance(self._factory, SharingFactory):
            return None
        if split not in self._shared:
            self._shared[split] = self._cluster.start().put(self._factory.share(split))
        return self._shared[split]


def _pid(worker: Worker) -> int:
    import os

    return os.getpid()


def _cause(error: Any, plan: Plan | None) -> SearchError:
    """Our own errors as they were raised in the actor, without Ray's traceback around them; others in one line."""
    if isinstance(error.cause, SearchError):
        return type(error.cause)(str(error.cause))
    what = "a worker failed" if plan is None else f"plan {plan} could not be evaluated"
    return EvaluationError(f"{what}: {type(error.cause).__name__}: {error.cause}")


def _death(task: _Task, error: Exception) -> EvaluationError:
    return EvaluationError(
        f"plan {task.plan} could not be evaluated: its worker died {task.deaths} times ({_line(error)}); "
        f"a worker that is killed is often out of memory: use fewer workers"
    )


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
