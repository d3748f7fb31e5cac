"""The simple front of measuring: plans in, records out."""

from collections.abc import Iterable, Sequence
from random import Random

from latency.record import Device, Measurement
from latency.session import Progress, Session
from latency.setting import Setting
from latency.stopping import QUICK, Stopping
from latency.timer import Timer
from models.plan import Plan


def measure_plans(
    timer: Timer,
    plans: Sequence[Plan],
    setting: Setting,
    device: Device,
    reference: Plan,
    rng: Random,
    stopping: Stopping = QUICK,
    progress: Progress | None = None,
    *,
    reference_ms: float | None = None,
    reference_se: float = 0.0,
    between_sd: float = 0.0,
    finished: Iterable[Measurement] = (),
) -> list[Measurement]:
    """Measure plans in one session.

    Args:
        timer: times blocks of forwards.
        plans: what to measure.
        setting, device: what is timed, and where.
        reference: the plan that all others are compared with.
        rng: draws the order of the blocks.
        stopping: `QUICK` for the plans of a latency model, `PRECISE` for finalists.
        progress: told all finished measurements whenever a group of plans is finished.
        reference_ms, reference_se: long-run latency of the reference and its relative standard error, if known.
        between_sd: relative scatter of a ratio from session to session, if known.
        finished: records of an interrupted run; their plans are not measured again.
    Returns:
        One measurement per plan, in the order of `plans`.
    Raises:
        MeasurementError: no plans, `finished` is of another device or setting, or a forward failed.
    """
    session = Session(
        timer,
        setting,
        device,
        reference,
        rng,
        reference_ms=reference_ms,
        reference_se=reference_se,
        between_sd=between_sd,
        progress=progress,
    )
    return session.measure(plans, stopping, finished)
