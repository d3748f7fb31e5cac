"""The rig of detection targets: an mmdet detector with one of our backbones, timed for real or simulated."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from latency.record import Measurement
from latency.runtimes import make_timer
from models.plan import Plan
from models.space import Space
from models.work import Work
from search.evaluators.detection import DetectionFactory
from search.evaluators.splits import open_split
from search.pools import Pool, open_pool
from search.records import Job
from search.rig import Scale
from search.rigs.stopwatch import Stopwatch, TimerOf, simulated
from search.targets import Target
from search.timed import load
from search.training import read_config

DENSE_MS = 20.0
"""Latency of the dense plan on a simulated device."""


class DetectionRig:
    """See `search.rig.Rig`. Everything that can be wrong with a target is found out here, before anything is timed.

    Args:
        job: the request.
        target: config and checkpoint.
    Raises:
        TargetError, CheckpointError: config, weights or data cannot be used; names the file and the remedy.
        DeviceError: the device is not here.
    """

    def __init__(self, job: Job, target: Target) -> None:
        assert target.config is not None and target.checkpoint is not None
        self._job = job
        config = read_config(target.config)
        for split in ("search", "confirm"):
            open_split(config, split, job.images)
        module, self._backbone = load(str(target.config), target.checkpoint, job.setting.scope)
        self._size = job.setting.input_size
        self._space = self._backbone.space(self._size)
        self.simulated = job.setting.kind == "sim"
        self._stopwatch = Stopwatch(job, self._space, self._timers(module))
        device = job.setting.device if job.setting.kind == "cuda" else "cpu"
        if self.simulated and torch.cuda.is_available():
            device = "cuda:0"
        threads = max(1, (torch.get_num_threads() or 1) // job.workers) if device == "cpu" else None
        self._gpus = torch.cuda.device_count() if device != "cpu" else 0
        self._factory = DetectionFactory(target.config, target.checkpoint, device, job.images, threads)
        self._pool: Pool | None = None

    @property
    def space(self) -> Space:
        """The legal plans of the detector's backbone."""
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
        return self._backbone.work(plan, self._size)

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

    def _timers(self, module: torch.nn.Module) -> TimerOf:
        if self._job.setting.kind == "sim":
            return simulated(self._job, self.work, DENSE_MS)
        # compiled plans and captured graphs are kept between sessions; what a session must see afresh is the device
        timer = make_timer(module, self._job.setting, seed=self._job.seed)
        return lambda session: timer
