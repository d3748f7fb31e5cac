"""Step 3: the latency model that steers: given, stored for the same device, or fitted to designed measurements."""

from collections.abc import Mapping, Sequence
from typing import Any

from latency.design import designed_plans, validation_plans
from latency.errors import LatencyError
from latency.predictor import LatencyModel, fit
from latency.record import Measurement
from models.plan import Plan
from models.space import Space
from search.errors import JobError
from search.journal import Journal
from search.records import Job
from search.rig import Rig, Scale
from search.sessions import measure

VALIDATION = 10
"""Plans measured to judge a fit, never used for fitting."""

DESIGNS = 2
"""Designs measured at most."""


def known_model(job: Job, rig: Rig, stored: Sequence[Mapping[str, Any]]) -> tuple[str, LatencyModel] | None:
    """The model that need not be fitted: ("given" | "stored", model); None: there is none for this device.

    Args:
        job: may bring a model.
        rig: the device.
        stored: `Reading.latency_models` of the target, newest first.
    Raises:
        JobError: the job's own model is of another device, or is none.
    """
    if job.latency_model is not None:
        return "given", _given(job.latency_model, rig)
    for row in stored:
        if row["device_key"] == rig.device_key and row["steers"]:
            model = LatencyModel.from_dict(row["model"])
            if model.reference == rig.reference:
                return "stored", model
    return None


def latency_model(
    job: Job, rig: Rig, journal: Journal, ends: Sequence[Measurement], known: tuple[str, LatencyModel] | None
) -> LatencyModel:
    """The model of a search.

    Args:
        ends: records of the sparsest and the dense plan.
        known: what `known_model` found; None: fit one.
    """

    def compute() -> dict[str, Any]:
        return _described(*(known or ("fitted", _fitted(job, rig, journal, ends))), rig)

    data = journal.step("latency_model", "model", compute)
    if not data["steers"]:
        journal.log("the latency model missed a gate: its forecasts are uncertain, finalists are measured", "warning")
    return LatencyModel.from_dict(data["model"])


def _given(data: Mapping[str, Any], rig: Rig) -> LatencyModel:
    try:
        model = LatencyModel.from_dict(data)
    except (LatencyError, KeyError, TypeError, ValueError) as error:
        raise JobError(f"latency_model is no latency model ({error}); export one from a finished search") from None
    if model.device_key != rig.device_key or model.reference != rig.reference:
        raise JobError(
            f"latency_model is of {model.device.name} ({model.setting}), not of this device and setting; "
            f"leave it out to fit one here"
        )
    return model


def _fitted(job: Job, rig: Rig, journal: Journal, ends: Sequence[Measurement]) -> LatencyModel:
    """Fit; when a gate fails, measure another design and fit to both."""
    space, scale = rig.space, Scale.of(ends[0])
    design = designed_plans(space, rig.work, job.seed)
    unseen = _unseen(space, len(design), job.seed)
    judges: list[Measurement] = []
    measured = list(ends)
    for part in range(DESIGNS):
        design = designed_plans(space, rig.work, job.seed + part) if part else design
        known = {one.plan for one in measured}
        plans = [plan for plan in design if plan not in known and plan not in unseen]
        if part and not plans:
            break  # a small space, all of it measured
        wanted = [*plans, *(() if judges else unseen)]
        both = measure(job, rig, journal, f"design:{part}", wanted, scale=scale) if wanted else []
        measured, judges = [*measured, *both[: len(plans)]], judges or both[len(plans) :]
        model = fit(measured, space, rig.work, judges)
        if model.gates.passed:
            break
    return model


def _unseen(space: Space, designed: int, seed: int) -> list[Plan]:
    """Plans to judge a fit with; none where the design is all of a small space, and left-out plans must judge it."""
    whole = len(validation_plans(space, designed + 1, seed)) <= designed
    return [] if whole else validation_plans(space, VALIDATION, seed)


def _described(source: str, model: LatencyModel, rig: Rig) -> dict[str, Any]:
    return {
        "source": source,
        "model": model.to_dict(),
        "gates": model.gates.to_dict(),
        "device_key": rig.device_key,
        "steers": model.gates.passed,
    }
