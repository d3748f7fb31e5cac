"""Step 3: the latency model that steers: given, stored for the same device, or fitted to designed measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

from latency.design import designed_plans, validation_plans
from latency.predictor import LatencyModel, fit
from latency.record import Measurement
from search.errors import JobError
from search.journal import Journal
from search.records import Job
from search.rig import Rig
from search.sessions import measure

VALIDATION = 10
"""Plans measured to judge a fit, never used for fitting."""


def latency_model(
    job: Job, rig: Rig, journal: Journal, ends: Sequence[Measurement], stored: Sequence[Mapping[str, Any]]
) -> LatencyModel:
    """The model of a search.

    Args:
        job: may bring a model.
        rig: measures.
        journal: what has been done.
        ends: records of the sparsest and the dense plan.
        stored: `Reading.latency_models` of the target.
    Raises:
        JobError: the job's own model is of another device, or is none.
    """

    def compute() -> dict[str, Any]:
        if job.latency_model is not None:
            return _described("given", _given(job.latency_model, rig), rig)
        for row in stored:
            if row["device_key"] == rig.device_key and row["steers"]:
                return _described("stored", LatencyModel.from_dict(row["model"]), rig)
        return _described("fitted", _fitted(job, rig, journal, ends), rig)

    data = journal.step("latency_model", "model", compute)
    if not data["steers"]:
        journal.log("the latency model missed a gate: its forecasts are uncertain, finalists are measured", "warning")
    return LatencyModel.from_dict(data["model"])


def _given(data: Mapping[str, Any], rig: Rig) -> LatencyModel:
    try:
        model = LatencyModel.from_dict(data)
    except (KeyError, TypeError, ValueError) as error:
        raise JobError(f"latency_model is no latency model ({error!r}); export one with a finished search") from None
    if model.device_key != rig.device_key:
        raise JobError(
            f"latency_model was fitted on device {model.device_key[:12]}, this is {rig.device_key[:12]}; "
            f"leave it out to fit one here"
        )
    return model


def _fitted(job: Job, rig: Rig, journal: Journal, ends: Sequence[Measurement]) -> LatencyModel:
    """Fit; when a gate fails, measure another design once and fit to both."""
    space, reference_ms = rig.space, ends[0].reference_ms
    validation = validation_plans(space, VALIDATION, job.seed)
    measured: list[Measurement] = list(ends)
    for part in range(2):
        wanted = [*designed_plans(space, rig.work, job.seed + part), *(validation if part == 0 else [])]
        plans = [plan for plan in dict.fromkeys(wanted) if plan not in {one.plan for one in measured}]
        measured += measure(job, rig, journal, f"design:{part}", plans, reference_ms=reference_ms)
        model = fit(measured, space, rig.work)
        if model.gates.passed:
            break
    return model


def _described(source: str, model: LatencyModel, rig: Rig) -> dict[str, Any]:
    return {
        "source": source,
        "model": model.to_dict(),
        "gates": model.gates.to_dict(),
        "device_key": rig.device_key,
        "steers": model.gates.passed,
    }
