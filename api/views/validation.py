"""The dry run: what earlier searches of the same target, in the same setting, know about a request. No trial made."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.schemas.validation import Validation
from api.views.points import finite
from latency.record import Measurement
from models.plan import Plan
from models.space import Space
from search.budget import Budget
from search.records import Job
from search.store.reading import Reading
from search.store.rows import SearchRow

LOOK_BACK = 50
"""Newest searches of the target that are looked at."""

SAMPLE = 2000
"""Plans that the estimate of the feasible share is made from."""

RISK = 0.01


@dataclass(frozen=True, slots=True)
class Ends:
    """What an earlier search measured first.

    Args:
        search: its id.
        at: when.
        device_key: on what.
        space: of its plans.
        floor, dense: the two ends.
    """

    search: str
    at: str
    device_key: str
    space: Space
    floor: Measurement
    dense: Measurement


def validation(store: Reading, job: Job, target_digest: str) -> Validation:
    """What is known about a request.

    Args:
        store: earlier searches.
        job: the request.
        target_digest: of the target as it is now.
    """
    earlier = store.page_searches(state=None, target=job.target, label=None, size=LOOK_BACK, after=None).rows
    same = [row for row in earlier if row.target_digest == target_digest]
    ends = next(filter(None, (_ends(store, row) for row in same if row.job.setting == job.setting)), None)
    warnings = []
    if ends is None:
        warnings.append(
            "no earlier search of this target in this setting: floor, dense and feasibility become known in the first "
            "seconds of the search, which ends as infeasible if nothing can meet the budget"
        )
    else:
        warnings.append(
            f"measured by search {ends.search} at {ends.at}; the search measures again before it relies on it"
        )
    feasible = None if ends is None else _feasible(ends, job.budget)
    estimate = None if ends is None else _feasible_plans(store, job.budget, target_digest, ends)
    if ends is not None and estimate is None:
        warnings.append("no latency model of this device yet: a search that goes past its first measurements fits one")
    if feasible is False and ends is not None:
        warnings.append(
            f"no plan can meet {job.budget}: the sparsest plan takes {ends.floor.median_ms:.4g} ms, "
            f"the dense plan {ends.dense.median_ms:.4g} ms"
        )
    eta = _eta(store, job, same)
    if eta is None:
        warnings.append("no earlier search of this target has evaluated a plan: the time becomes known with the first")
    return Validation(
        feasible=feasible,
        floor_ms=None if ends is None else finite(ends.floor.median_ms),
        dense_ms=None if ends is None else finite(ends.dense.median_ms),
        space_size=None if ends is None else len(ends.space),
        feasible_estimate=estimate,
        eta_s=eta,
        warnings=warnings,
    )


def _ends(store: Reading, row: SearchRow) -> Ends | None:
    prepared = store.latest(row.id, "prepared")
    first = store.stored_events(row.id, 0, 1, kinds=["measurement"])
    if prepared is None or not first or first[0].data["purpose"] != "ends":
        return None
    floor, dense = map(Measurement.from_dict, first[0].data["measurements"])
    space = Space.from_json(prepared.data["space"])
    return Ends(row.id, first[0].at, prepared.data["device_key"], space, floor, dense)


def _feasible(ends: Ends, budget: Budget) -> bool | None:
    """Whether the window between the two ends reaches into the budget.

    ====================  =======================  ========
    floor within max_ms   dense above min_ms       feasible
    ====================  =======================  ========
    surely not            whatever                 False
    whatever              surely not               False
    surely                surely, or no min_ms     True
    otherwise             otherwise                None
    ====================  =======================  ========
    """
    from search.judging import judge  # needs SciPy, which takes a while to load

    fast = judge([ends.floor], Budget(budget.max_ms, None, budget.statistic), RISK).meets
    if budget.min_ms is None:
        return fast
    below = judge([ends.dense], Budget(budget.min_ms, None, budget.statistic), RISK).meets
    if fast is False or below is True:
        return False
    return True if fast is True and below is False else None


def _feasible_plans(store: Reading, budget: Budget, target_digest: str, ends: Ends) -> int | None:
    """About so many plans are forecast to be within the budget: the share among random ones, times their number."""
    found = [row for row in store.latency_models(target_digest, ends.device_key, limit=5) if row["steers"]]
    if not found:
        return None
    from latency.predictor import LatencyModel

    model = LatencyModel.from_dict(found[0]["model"])
    rng = random.Random(0)
    plans: list[Plan] = [ends.space.random(rng) for _ in range(SAMPLE)]
    tail = 1.0
    if budget.statistic != "median":
        tail = max(getattr(one, f"{budget.statistic}_ms") / one.median_ms for one in (ends.floor, ends.dense))
    lowest = budget.min_ms or 0.0
    inside = sum(lowest <= tail * float(ms) <= budget.max_ms for ms in model.predict_ms(plans))
    return round(inside / SAMPLE * len(ends.space))


def _eta(store: Reading, job: Job, same: Sequence[SearchRow]) -> float | None:
    """Seconds: evaluations at the pace of earlier ones, and what an earlier search spent beside evaluating."""
    paces: list[float] = []
    beside: list[float] = []
    for row in same[:5]:
        rows = store.sampled_trials(row.id, 200)
        new = [trial.seconds for trial in rows if trial.state == "done" and trial.origin == "new" and trial.seconds]
        paces += new
        counts = store.trial_counts(row.id)
        if row.state in ("succeeded", "stopped") and new and row.attempts == 1:
            fresh = counts.get("done", 0) - counts.get("reused", 0)
            spent = statistics.median(new) * fresh / row.job.workers
            beside.append(max(0.0, _ran_s(store, row) - spent))
    if not paces:
        return None
    evaluating = statistics.median(paces) * job.evaluations / job.workers
    if job.seconds is not None:
        evaluating = min(evaluating, job.seconds)
    return evaluating + (statistics.median(beside) if beside else 0.0)


def _ran_s(store: Reading, row: SearchRow) -> float:
    """Seconds between the start of its runner and its end."""
    states = store.stored_events(row.id, 0, None, kinds=["state", "end"])
    begun = next((event.at for event in states if event.data["state"] == "preparing"), row.created_at)
    return (datetime.fromisoformat(states[-1].at) - datetime.fromisoformat(begun)).total_seconds()
