"""The rig of synthetic targets: the space of SparseViT-T, a closed-form accuracy and a simulated device. No torch."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from latency.record import Measurement
from models.plan import Plan
from models.space import Space
from models.sparsevit_geometry import Geometry
from models.work import Work
from search.evaluators.synthetic import SyntheticEvaluator
from search.pools import Pool, open_pool
from search.records import Job
from search.rig import Scale
from search.rigs.stopwatch import Stopwatch, simulated
from search.targets import Target

SPARSEVIT_T = Geometry(96, (2, 2, 6, 2))

DENSE_MS = 47.8
"""Latency of the dense plan on every simulated device: what SparseViT's authors report for theirs."""


class SyntheticRig:
    """See `search.rig.Rig`.

    Args:
        job: the request; its device is simulated.
        target: may have `delay_s` and `log` among its options.
    """

    simulated = True

    def __init__(self, job: Job, target: Target) -> None:
        self._size = job.setting.input_size
        self._space = SPARSEVIT_T.space(self._size)
        self._stopwatch = Stopwatch(job, self._space, simulated(job, self.work, DENSE_MS))
        self._factory = partial(SyntheticEvaluator, self._space, job.images, **target.options)
        self._job = job
        self._pool: Pool | None = None

    @property
    def space(self) -> Space:
        """The published space."""
        return self._space

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

    def work(self, plan: Plan) -> Work:
        """See `Rig.work`."""
        return SPARSEVIT_T.work(plan, self._size)

    def measure(
        self, plans: Sequence[Plan], session: str, precise: bool, scale: Scale | None, tick: Callable[[int], None]
    ) -> list[Measurement]:
        """See `Rig.measure`."""
        return self._stopwatch.measure(plans, session, precise, scale, tick)

    def pool(self) -> Pool:
        """See `Rig.pool`."""
        if self._pool is None:
            self._pool = open_pool(self._job, self._factory)
        return self._pool

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.close()
