"""What can be refused before anything is stored: cheap checks, no model, no data, no device."""

import importlib.util
from pathlib import Path

from search.errors import JobError
from search.home import Home
from search.records import Job
from search.targets import Target, find
from search.tasks import TASKS


def preflight(job: Job, home: Home, stored: bool = False) -> Target:
    """The target of a request that may be stored.

    Args:
        stored: it is already; its output, whole or half-made, may be there then.
    Raises:
        TargetError: the target is unknown, or its files are missing or broken.
        JobError: a field names something that does not exist here.
    """
    from search.samplers import SAMPLERS  # a table of builders; their libraries load when one is built

    target = find(job.target, home)
    target.check()
    if job.sampler not in SAMPLERS:
        raise JobError(f"sampler={job.sampler!r} is unknown; choose one of {', '.join(SAMPLERS)}")
    metrics = TASKS[target.kind].metrics
    if job.metric not in metrics:
        raise JobError(
            f"metric={job.metric!r} is unknown for {target.kind} targets; choose one of {', '.join(metrics)}"
        )
    _check_device(job, target)
    if not stored and job.output is not None and Path(job.output).exists():
        raise JobError(f"output={job.output} exists already; choose another folder or remove it")
    return target


def _check_device(job: Job, target: Target) -> None:
    device = job.setting.device
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda", "sim") or (index and not index.isdigit()) or (kind == "sim" and not index):
        raise JobError(f"device={device!r} is unknown; choose cpu, cuda:0 or sim:0 (simulated)")
    if target.kind == "synthetic" and kind != "sim":
        raise JobError(f"target {target.name} is simulated and needs a simulated device; add --device sim:0")
    if kind != "sim" and importlib.util.find_spec("torch") is None:
        raise JobError(f"device={device!r} needs torch, which is not installed; run make setup")
