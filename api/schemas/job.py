"""From the body of a request to the job that is stored."""

from api.schemas.request import SearchRequest
from search.budget import Budget
from search.defaults import setting_of
from search.records import Job
from search.targets import Target


def job_of(request: SearchRequest, target: Target) -> Job:
    """The job of a request, with the target's defaults. It has no id yet.

    Raises:
        SettingError: the setting contradicts itself.
    """
    asked, effort = request.setting, request.effort
    size = None if asked.img_size is None else (asked.img_size[0], asked.img_size[1])
    setting = setting_of(
        target,
        device=asked.device,
        batch=asked.batch,
        input_size=size,
        scope=asked.scope,
        dtype=asked.dtype,
        runtime=asked.runtime,
        threads=asked.threads,
    )
    return Job(
        target=target.name,
        budget=Budget(request.max_ms, request.min_ms, request.stat),
        setting=setting,
        sampler=request.sampler,
        seed=request.seed,
        evaluations=request.evaluations,
        workers=effort.workers,
        pool="ray" if effort.workers > 1 else "serial",
        metric=target.metric,
        images=effort.images,
        seconds=effort.seconds,
        evaluation_timeout_s=effort.evaluation_timeout_s,
        name=request.name,
        labels=request.labels,
    )
