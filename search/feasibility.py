"""Step 2: floor and dense first. Two measurements say whether a budget can be met at all, before any accuracy."""

from dataclasses import dataclass

from latency.record import Measurement
from models.plan import Plan
from search.budget import Budget
from search.journal import Journal
from search.judging import judge
from search.records import Job
from search.rig import Rig, Scale
from search.sessions import measure


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a space on a device.

    Args:
        floor: the sparsest plan.
        dense: the dense plan.
        dense_fits: whether the dense plan meets the budget with its upper bound.
        infeasible: why no plan can meet the budget; None: one may.
        nearest: the end that comes nearest to the budget.
    """

    floor: Measurement
    dense: Measurement
    dense_fits: bool
    infeasible: str | None
    nearest: Plan


def measure_ends(job: Job, rig: Rig, journal: Journal, scale: Scale | None) -> Ends:
    """Measure the sparsest and the dense plan in one session, and compare them with the budget.

    Args:
        scale: of an earlier search on this device, if there was one.
    """
    space = rig.space
    plans = [space.canonical(space.sparsest), space.canonical(space.dense)]
    floor, dense = measure(job, rig, journal, "ends", plans, precise=True, scale=scale)
    return compare_ends(floor, dense, job.budget, job.alpha)


def compare_ends(floor: Measurement, dense: Measurement, budget: Budget, alpha: float) -> Ends:
    """What two measurements say about a budget.

    ==================================  ==========================================
    surely                              answer
    ==================================  ==========================================
    floor above max_ms                  infeasible: nothing is fast enough
    dense below min_ms                  infeasible: nothing is slow enough
    dense within the budget             dense fits (and the search goes on)
    otherwise, or not sure              the search goes on
    ==================================  ==========================================
    """
    above = judge([floor], Budget(budget.max_ms, None, budget.statistic), alpha)
    fits = judge([dense], budget, alpha)
    reason, nearest = None, floor.plan
    if above.meets is False:
        reason = (
            f"{budget.max_ms:g} ms cannot be met on this device: the sparsest plan takes {describe(floor)}; "
            f"ask for more than {above.upper_ms:.4g} ms, a smaller input or a faster device"
        )
    elif budget.min_ms is not None and judge([dense], Budget(budget.min_ms, None, budget.statistic), alpha).meets:
        nearest = dense.plan
        reason = (
            f"no plan is as slow as {budget.min_ms:g} ms: the dense plan takes {describe(dense)}; lower or drop min_ms"
        )
    return Ends(floor, dense, fits.meets is True, reason, nearest)


def describe(measurement: Measurement) -> str:
    """ "12.3 ms (95 % interval 12.2 to 12.5, 140 samples)"."""
    low, high = measurement.interval_ms
    return f"{measurement.median_ms:.4g} ms (95 % interval {low:.4g} to {high:.4g}, {measurement.samples} samples)"
