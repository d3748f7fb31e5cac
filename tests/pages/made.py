"""Searches made of events, for tests that need no runner."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.answer import Answer
from search.records import Event, Point
from search.store import Store
from tests.search.support import DEVICE, SPACE, evaluation, job, measurement, measurement_event

FLOOR, DENSE = SPACE.canonical(SPACE.sparsest), SPACE.canonical(SPACE.dense)
BUDGET = 30.0


def plans(count: int) -> list[Plan]:
    """The dense plan, the sparsest one, and others between them; all distinct."""
    found = {DENSE: None, FLOOR: None}
    for place in range(81):
        spread = 37 * place % 81  # all over the range, not one end of it first
        share = (spread % 9, spread // 9)
        indices = tuple(share[slot % 2] for slot in range(len(SPACE.knobs)))
        found.setdefault(SPACE.canonical(SPACE.at(SPACE.repair(indices))))
        if len(found) >= count:
            break
    return list(found)[:count]


def latency_of(plan: Plan) -> float:
    """A latency in ms that falls with every step of every knob."""
    return 50.0 - 0.6 * sum(SPACE.indices(plan))


def metric_of(plan: Plan) -> float:
    """An accuracy that falls with the latency, ever faster."""
    return 42.0 - 0.01 * (50.0 - latency_of(plan)) ** 2


def trial(number: int, plan: Plan) -> Event:
    """A finished evaluation."""
    ms = latency_of(plan)
    data = {
        "number": number,
        "evaluation": evaluation(plan, metric_of(plan)).to_dict(),
        "metric": metric_of(plan),
        "latency_ms": ms,
        "excess": (1.01 * ms - BUDGET) / BUDGET,
        "origin": "new",
    }
    return Event("evaluation", data, f"evaluate:{number}")


def point(plan: Plan) -> Point:
    """A point of the front."""
    ms = latency_of(plan)
    within = 1.0 if ms < 0.98 * BUDGET else 0.0 if ms > 1.02 * BUDGET else 0.5
    return Point(plan, metric_of(plan), ms, 0.99 * ms, 1.01 * ms, within)


def front_of(all_plans: Iterable[Plan]) -> list[Point]:
    """One point per latency, fastest first."""
    return list({one.latency_ms: one for one in sorted(map(point, all_plans), key=lambda one: one.latency_ms)}.values())


def events(count: int) -> list[Event]:
    """A search up to its last trial."""
    known = plans(count)
    prepared = {
        "space": SPACE.to_json(),
        "plans": len(SPACE),
        "device": DEVICE.to_dict(),
        "device_key": DEVICE.key,
        "simulated": True,
    }
    ends = measurement_event("ends", measurement(FLOOR, latency_of(FLOOR)), measurement(DENSE, latency_of(DENSE)))
    shown = {"round": 0, "points": [one.to_dict() for one in front_of(known)], "best": None, "evaluated": 1, "total": 2}
    return [
        Event("prepared", prepared, "prepared"),
        Event("state", {"state": "running", "message": ""}),
        ends,
        *(trial(number, plan) for number, plan in enumerate(known)),
        Event("front", shown, "front:0"),
    ]


def ending(count: int) -> Event:
    """The end of that search: the most accurate plan inside the budget."""
    front = front_of(plans(count))
    best = max((one for one in front if one.within > 0.9), key=lambda one: one.metric)
    metrics = {"bbox_mAP": best.metric, "segm_mAP": best.metric - 1}
    answer = Answer(
        plan=best.plan,
        floor=measurement(FLOOR, latency_of(FLOOR)),
        dense=measurement(DENSE, latency_of(DENSE)),
        dense_fits=False,
        latency=measurement(best.plan, best.latency_ms),
        decision={"estimate_ms": best.latency_ms, "upper_ms": best.high_ms, "probability": 1.0},
        metrics=metrics,
        confirmed=metrics,
        dense_metrics={"bbox_mAP": 42.0, "segm_mAP": 41.0},
        dense_confirmed={"bbox_mAP": 42.0, "segm_mAP": 41.0},
        front=tuple(front),
        evaluated=count,
        simulated=True,
    )
    return Event("end", {"state": "succeeded", "message": "", "answer": answer.to_dict()})


@contextmanager
def store(path: Path) -> Iterator[Store]:
    """An open store."""
    with Store.open(path) as opened:
        yield opened


def add(opened: Store, id: str, made: Iterable[Event] = (), **changes: Any) -> str:
    """A stored search; with events it has begun."""
    opened.create_search(job(BUDGET, id=id, **changes), "t" * 64)
    if happened := list(made):
        opened.count_attempt(id)
        opened.append(id, happened)
    return id


def end(opened: Store, id: str, state: str, message: str) -> None:
    """Bring a search into a state."""
    opened.append(id, [Event("state", {"state": state, "message": message})])
