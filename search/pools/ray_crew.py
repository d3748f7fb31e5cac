"""The actors of a pool, by slot: started when needed, dropped when they die, all replaced when Ray itself is lost."""

import contextlib
import os
import signal
import time
from typing import Any

from models.plan import Plan
from search.errors import EvaluationError, ExecutorError, SearchError
from search.evaluators.protocol import EvaluatorFactory
from search.pools.ray_cluster import Cluster
from search.pools.ray_worker import SharingFactory, Worker

STILLBORN = 3
"""Workers in a row that may die while they load their model."""

LOSSES = 3
"""How often Ray may be lost without an evaluation in between."""

GOING_S = 0.5
"""How long after an actor its daemons may die and still count as having gone together."""

POLL_S = 0.5
"""How often it is looked whether Ray is still there."""


class Crew:
    """Actors on slots 0 to `size` - 1. A new one is set up first: only then can it evaluate.

    Args:
        factory: builds an evaluator inside an actor; picklable.
        size: actors.
        gpus: GPUs in all, shared evenly; 0 gives each actor a core.
    """

    def __init__(self, factory: EvaluatorFactory, size: int, gpus: int) -> None:
        self.size = size
        self._factory = factory
        self._cluster = Cluster(cpus=size, gpus=gpus)
        self._options = {"num_cpus": 0 if gpus else 1, "num_gpus": gpus / size, "max_restarts": 0}
        self._actors: list[Any] = [None] * size
        self._pids: dict[int, int] = {}
        self._shared: dict[str, Any] = {}
        self._stillborn = 0
        self._losses = 0

    @property
    def ray(self) -> Any:
        """The module, initialised."""
        return self._cluster.start()

    @property
    def lost(self) -> bool:
        """Whether Ray itself is gone."""
        return self._cluster.lost

    def going(self) -> bool:
        """Whether Ray itself is gone. Asked when an actor has died: its daemons may follow within moments, and whoever
        calls a Ray without them is held up for a minute and then ended."""
        deadline = time.monotonic() + GOING_S
        while not self.lost and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.lost

    def is_ready(self, slot: int) -> bool:
        """Whether the actor of a slot has its evaluator."""
        return slot in self._pids

    def set_up(self, slot: int) -> Any:
        """Start the actor of a slot; the reference is of what `ready` takes."""
        return self._actor(slot).prepare.remote()

    def ready(self, slot: int, pid: int) -> None:
        """Note that an actor has its evaluator."""
        self._pids[slot] = pid
        self._stillborn = 0

    def evaluate(self, slot: int, plan: Plan, split: str) -> Any:
        """Begin an evaluation on an actor that is ready; the reference of its result."""
        return self._actor(slot).evaluate.remote(plan, split, self._images(split))

    def well(self) -> None:
        """Note that an evaluation succeeded."""
        self._losses = 0

    def drop(self, slot: int) -> None:
        """End an actor and its process, whatever it is doing."""
        actor, self._actors[slot] = self._actors[slot], None
        pid = self._pids.pop(slot, None)
        if actor is None or not self._cluster.running:
            return
        if not self.lost:
            self.ray.kill(actor)
        if pid is not None and self._cluster.local:
            # Ray asks the process to go; one that is stopped does not hear it
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def died_young(self, slot: int, error: Exception) -> None:
        """Replace an actor that died while it was set up.

        Raises:
            EvaluationError: too many have.
        """
        self.drop(slot)
        self._stillborn += 1
        if self._stillborn >= STILLBORN:
            raise EvaluationError(f"a worker died {self._stillborn} times while it was set up: {one_line(error)}")

    def recover(self) -> None:
        """Start Ray anew, and with it, as they are needed, the actors.

        Raises:
            ExecutorError: it is lost again and again, or cannot be started.
        """
        self._losses += 1
        if self._losses > LOSSES:
            raise ExecutorError(f"Ray was lost {self._losses} times in a row; see its log, or use one worker")
        for slot in range(self.size):
            self.drop(slot)
        self._shared.clear()
        self._cluster.restart()

    def digest(self, split: str) -> str:
        """`Evaluator.digest` of the first actor."""
        while True:
            ray = self.ray
            reference = self._actor(0).digest.remote(split)
            while not ray.wait([reference], timeout=POLL_S)[0] and not self.lost:
                pass
            if self.lost:
                self.recover()
                continue
            try:
                found: str = ray.get(reference)
                return found
            except ray.exceptions.RayTaskError as error:
                raise unable(error) from None
            except ray.exceptions.RayActorError as error:
                self.died_young(0, error)

    def pids(self) -> list[int]:
        """Processes of the actors that are ready."""
        return list(self._pids.values())

    def close(self) -> None:
        """End the actors' processes, and the Ray instance if it was started here."""
        for slot in range(self.size):
            self.drop(slot)
        self._shared.clear()
        self._cluster.stop()

    def _actor(self, slot: int) -> Any:
        if self._actors[slot] is None:
            self._actors[slot] = self.ray.remote(Worker).options(**self._options).remote(self._factory)
        return self._actors[slot]

    def _images(self, split: str) -> Any:
        """One read-only copy in Ray's shared memory, whatever the number of actors; None where nothing is shared."""
        if not isinstance(self._factory, SharingFactory):
            return None
        if split not in self._shared:
            self._shared[split] = self.ray.put(self._factory.share(split))
        return self._shared[split]


def unable(error: Any) -> SearchError:
    """Why no plan can be evaluated: our own errors as they were raised in the actor, others in one line."""
    if isinstance(error.cause, SearchError):
        return type(error.cause)(str(error.cause))
    return EvaluationError(f"a worker cannot be set up: {type(error.cause).__name__}: {error.cause}")


def one_line(error: Exception) -> str:
    """The first line of what Ray says."""
    return str(error).strip().splitlines()[0]
