"""What every rig does once its parts are there: time plans with a stopwatch, evaluate them in a pool."""

from collections.abc import Callable, Sequence
from typing import Any

from latency.record import Measurement
from models.plan import Plan
from models.space import Space
from models.work import Work
from search.evaluators.protocol import EvaluatorFactory
from search.pools import Pool, open_pool
from search.records import Job
from search.rig import Scale
from search.rigs.stopwatch import Stopwatch


class Bench:
    """A `search.rig.Rig` made of parts; those that set up a target inherit it and choose the parts.

    Args:
        job: kind of pool and number of workers.
        space: the legal plans.
        work: kept windows and MACs per block of a plan.
        stopwatch: times plans.
        factory: builds evaluators.
        gpus: GPUs that evaluators share.
        simulated: whether latency or accuracy is simulated.
    """

    def __init__(
        self,
        job: Job,
        space: Space,
        work: Callable[[Plan], Work],
        stopwatch: Stopwatch,
        factory: EvaluatorFactory,
        gpus: int = 0,
        simulated: bool = False,
    ) -> None:
        self.space = space
        self.simulated = simulated
        self.work = work
        self._job = job
        self._stopwatch = stopwatch
        self._factory = factory
        self._gpus = gpus
        self._pool: Pool | None = None

    @property
    def device(self) -> dict[str, Any]:
        """See `Rig.device`."""
        return self._stopwatch.device.to_dict()

    @property
    def device_key(self) -> str:
        """See `Rig.device_key`."""
        return self._stopwatch.device.key

    @property
    def reference(self) -> Plan:
        """See `Rig.reference`."""
        return self._stopwatch.reference

    def measure(
        self, plans: Sequence[Plan], session: str, precise: bool, scale: Scale | None, tick: Callable[[int], None]
    ) -> list[Measurement]:
        """See `Rig.measure`."""
        return self._stopwatch.measure(plans, session, precise, scale, tick)

    def pool(self) -> Pool:
        """See `Rig.pool`."""
        if self._pool is None:
            self._pool = open_pool(self._job, self._factory, self._gpus)
        return self._pool

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.close()
