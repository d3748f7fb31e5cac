"""The pool of Ray actors: each keeps a model loaded and evaluates one plan at a time. Losing Ray loses nothing else.

`RAY_ADDRESS` joins a cluster; without it the pool starts an instance of its own on this host, and stops it at the end.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.errors import EvaluationError, SearchError
from search.evaluators.protocol import EvaluatorFactory
from search.records import Evaluation

ATTEMPTS = 3
"""How often a plan is tried when the actor that evaluates it dies."""

_ROOT = Path(__file__).resolve().parents[2]


class RayPool:
    """Actors that share decoded images.

    Args:
        factory: builds an evaluator inside an actor; if it has `share(split)`, the images are sent to all actors once.
        workers: actors.
        gpus: GPUs in all, shared evenly; 0 gives each actor a core.
        attempts: see `ATTEMPTS`.
    Raises:
        EvaluationError: Ray could not be started.
    """

    def __init__(self, factory: EvaluatorFactory, workers: int, gpus: int = 0, attempts: int = ATTEMPTS) -> None:
        self._factory = factory
        self._attempts = attempts
        self._owns_ray = start_ray(workers, gpus)
        self._shared: dict[str, Any] = {}
        self._resources = {"num_cpus": 1 if not gpus else 0, "num_gpus": gpus / workers}
        self._actors = [self._new_actor() for _ in range(workers)]

    def evaluate(self, plans: Sequence[Plan], split: str = "search") -> Iterator[Evaluation]:
        """See `Pool.evaluate`; an actor that dies is replaced, and its plan tried again."""
        import ray

        shared = self._share(split)
        waiting = [(plan, 1) for plan in reversed(plans)]
        idle = list(self._actors)
        running: dict[Any, tuple[Any, Plan, int]] = {}
        while waiting or running:
            while waiting and idle:
                plan, attempt = waiting.pop()
                actor = idle.pop()
                running[actor.evaluate.remote(plan, split, shared)] = (actor, plan, attempt)
            done, _ = ray.wait(list(running), num_returns=1)
            actor, plan, attempt = running.pop(done[0])
            try:
                evaluation = ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, SearchError) else error
                raise EvaluationError(f"plan {plan}: {cause}") from error
            except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError) as error:
                if attempt >= self._attempts:
                    raise EvaluationError(
                        f"plan {plan}: the worker died {attempt} times; look for memory shortage on {error}"
                    ) from error
                idle.append(self._replace(actor))
                waiting.append((plan, attempt + 1))
                continue
            idle.append(actor)
            yield evaluation

    def digest(self, split: str) -> str:
        """See `Pool.digest`."""
        import ray

        try:
            return str(ray.get(self._actors[0].digest.remote(split)))
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, SearchError) else EvaluationError(str(error))) from error
        except ray.exceptions.RayActorError as error:
            raise EvaluationError(f"a worker died while it was set up: {error}") from error

    def close(self) -> None:
        """End the actors, and Ray if this pool started it."""
        import ray

        actors, self._actors = self._actors, []
        self._shared.clear()
        with contextlib.suppress(Exception):  # a dead Ray has nothing left to stop
            for actor in actors:
                ray.kill(actor)
        if self._owns_ray:
            self._owns_ray = False
            ray.shutdown()

    def _share(self, split: str) -> Any:
        import ray

        share = getattr(self._factory, "share", None)
        if share is None:
            return None
        if split not in self._shared:
            self._shared[split] = ray.put(share(split))
        # inside a list, so that an actor receives the reference and fetches the images only once
        return [self._shared[split]]

    def _new_actor(self) -> Any:
        import ray

        return ray.remote(**self._resources)(_Worker).remote(self._factory)

    def _replace(self, dead: Any) -> Any:
        fresh = self._new_actor()
        self._actors[self._actors.index(dead)] = fresh
        return fresh


class _Worker:
    """What runs inside an actor."""

    def __init__(self, factory: EvaluatorFactory) -> None:
        self._evaluator = factory()
        self._adopted: set[str] = set()

    def digest(self, split: str) -> str:
        return self._evaluator.digest(split)

    def evaluate(self, plan: Plan, split: str, shared: Any) -> Evaluation:
        import ray

        adopt = getattr(self._evaluator, "adopt", None)
        if shared is not None and adopt is not None and split not in self._adopted:
            adopt(split, ray.get(shared[0]))
            self._adopted.add(split)
        return self._evaluator.evaluate(plan, split)


def start_ray(workers: int, gpus: int) -> bool:
    """Join the Ray of this process or of `RAY_ADDRESS`, or start one. Returns whether one was started.

    Raises:
        EvaluationError: Ray could not be started or joined.
    """
    import ray

    if ray.is_initialized():
        return False
    address = os.environ.get("RAY_ADDRESS")
    # actors start in Ray's own folder; they find our packages where this process does
    paths = [str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": False}
    if not address:
        options |= {"address": "local", "include_dashboard": False, "num_cpus": max(1, workers), "num_gpus": gpus}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises whatever its parts raise
        where = f"RAY_ADDRESS={address}" if address else "this host"
        raise EvaluationError(f"Ray cannot be used on {where}: {error}; check the address, memory and ports") from error
    return not address
