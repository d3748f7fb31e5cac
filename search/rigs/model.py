"""The rig of real models: an mmdet config with one of our backbones, timed for real or simulated, and evaluated."""

from collections.abc import Callable, Mapping, Sequence

import torch

from latency.runtimes import make_timer
from models.plan import Plan
from models.work import Work
from search.content import content, depends_on_content
from search.errors import TargetError
from search.evaluators.classification import ClassificationFactory
from search.evaluators.detection import DetectionFactory
from search.evaluators.splits import open_split
from search.records import Job
from search.rigs.bench import Bench
from search.rigs.stopwatch import Stopwatch, TimerOf, simulated
from search.targets import Target
from search.tasks import Kind
from search.timed import load
from search.training import read_config

DENSE_MS = 20.0
"""Latency of the dense plan on a simulated device."""

EVALUATORS: Mapping[Kind, type[DetectionFactory] | type[ClassificationFactory]] = {
    "detection": DetectionFactory,
    "classification": ClassificationFactory,
    "video": ClassificationFactory,
}


class ModelRig(Bench):
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
        config = read_config(target.config)
        for split in ("search", "confirm"):
            open_split(config, split, job.images)
        module, backbone = load(str(target.config), target.checkpoint, job.setting.scope)
        size = job.setting.input_size
        space = backbone.space(size)
        if not space.knobs:
            raise TargetError(
                f"target {target.name}: {type(backbone).__name__} has no knobs, so there is nothing to search; "
                f"its latency: sparsearch measure {target.config}"
            )

        def work(plan: Plan) -> Work:
            return backbone.work(plan, size)

        inputs, said = None, None
        if job.setting.kind != "sim" and depends_on_content(backbone, (space.dense, space.sparsest)):
            inputs, said = content(target.config, job.setting)
        stopwatch = Stopwatch(job, space, _timers(job, module, work, inputs), said)
        device = _device(job)
        threads = max(1, (torch.get_num_threads() or 1) // job.workers) if device == "cpu" else None
        factory = EVALUATORS[target.kind](target.config, target.checkpoint, device, job.images, threads)
        gpus = torch.cuda.device_count() if device != "cpu" else 0
        super().__init__(job, space, work, stopwatch, factory, gpus, simulated=job.setting.kind == "sim")


def _device(job: Job) -> str:
    """Where accuracy is evaluated: on the device that is timed, or on whatever is here when that is simulated."""
    if job.setting.kind == "sim":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    return job.setting.device if job.setting.kind == "cuda" else "cpu"


def _timers(
    job: Job, module: torch.nn.Module, work: Callable[[Plan], Work], inputs: Sequence[torch.Tensor] | None
) -> TimerOf:
    if job.setting.kind == "sim":
        return simulated(job, work, DENSE_MS)
    # compiled plans and captured graphs are kept between sessions; what a session must see afresh is the device
    timer = make_timer(module, job.setting, seed=job.seed, inputs=inputs)
    return lambda session: timer
