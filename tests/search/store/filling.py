"""A large database, made quickly: many searches, one of them with very many trials.

with Store.open(location) as store:
    big = fill(store, searches=1000, trials=100_000)        # about 15 s; the id of the large one
"""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert

from models.plan import Plan
from search.answer import Answer
from search.records import Evaluation, Job, Point
from search.store import Store, schema
from search.store import trials as trial_rows
from search.store.readable import stamp
from search.store.rows import pack
from tests.search.support import DEVICE, SPACE, job, measurement

STATES = ("succeeded",) * 6 + ("infeasible", "failed", "cancelled", "queued")
BEGUN = datetime(2026, 11, 1, tzinfo=UTC)
DIGEST = "f" * 64
FIRST = 5
"""Number of the first trial's event."""
_PACKET = 5_000


def fill(
    store: Store,
    *,
    searches: int = 1_000,
    trials: int = 100_000,
    events: bool = True,
    seed: int = 0,
    queued: bool = True,
) -> str:
    """Fill an empty store; returns the id of the search that has the trials, the newest one, which succeeded.

    Args:
        store: open for writing.
        searches: in all; the others have no trials.
        trials: of the large one; one in fifty failed, one in ten came from the archive.
        events: whether each trial has its event too, as in a real search (three times the size).
        seed: of the numbers.
        queued: whether one in ten of the others waits.
    """
    rng = random.Random(seed)
    states = [state for state in STATES if queued or state != "queued"]
    big = f"{BEGUN:%Y%m%d}-{searches:06d}-big"
    names = [f"{BEGUN:%Y%m%d}-{place:06d}-few" for place in range(searches - 1)]
    rows = [_search(name, place, states[place % len(states)], rng) for place, name in enumerate(names)]
    rows.append(_search(big, searches, "succeeded", rng))
    with store._database.writing() as connection:
        connection.execute(insert(schema.searches), rows)
        ends = [event for row in rows for event in _course(row, trials if events and row["id"] == big else 0)]
        connection.execute(insert(schema.events), ends)
        made = _trials(big, trials, rng)
        while packet := list(islice(made, _PACKET)):
            connection.execute(insert(schema.trials), [row for row, _ in packet])
            if events:
                connection.execute(insert(schema.events), [event for _, event in packet])
    return big


def _search(name: str, place: int, state: str, rng: random.Random) -> dict[str, Any]:
    at = stamp(BEGUN + timedelta(seconds=place))
    asked: Job = job(rng.uniform(20, 45), id=name, name=f"search {place}", labels={"team": f"team{place % 7}"})
    answer = None if state in ("queued", "failed", "cancelled") else pack(_answer(rng, state).to_dict())
    return {
        "id": name,
        "created_at": at,
        "updated_at": at,
        "state": state,
        "message": "" if state == "queued" else f"{state}, in a test",
        "target": asked.target,
        "target_digest": DIGEST,
        "sampler": asked.sampler,
        "device": asked.setting.device,
        "attempts": int(state != "queued"),
        "job": pack(asked.to_dict()),
        "answer": answer,
        "evaluations_upto": 0,
        "models_upto": 0,
        "name": asked.name,
        "labels": pack(asked.labels),
    }


def _answer(rng: random.Random, state: str) -> Answer:
    dense, floor = measurement(SPACE.dense, 47.0), measurement(SPACE.sparsest, 12.0)
    if state == "infeasible":
        return Answer(plan=None, floor=floor, dense=dense, dense_fits=False, nearest=SPACE.sparsest, simulated=True)
    shown = tuple(
        Point(_plan(rng), 30.0 + step / 3, 12.0 + step, 11.8 + step, 12.2 + step, float(step < 15))
        for step in range(30)
    )
    metrics = {"bbox_mAP": 40.0, "segm_mAP": 36.0}
    best = shown[14].plan
    return Answer(
        plan=best,
        floor=floor,
        dense=dense,
        dense_fits=False,
        latency=measurement(best, 26.0),
        decision={"meets": True, "estimate_ms": 26.0, "upper_ms": 26.1, "risk": 0.01},
        metrics=metrics,
        confirmed=metrics,
        dense_metrics=metrics,
        dense_confirmed=metrics,
        front=shown,
        evaluated=30,
        simulated=True,
    )


def _course(search: Mapping[str, Any], between: int) -> Iterator[dict[str, Any]]:
    """The events around those of the trials."""
    said: list[tuple[str, dict[str, Any]]] = [("state", {"state": "queued", "message": ""})]
    if search["state"] != "queued":
        said.append(("state", {"state": "preparing", "message": ""}))
        device = {"name": DEVICE.name, "key": DEVICE.key}
        space = {"space": SPACE.to_json(), "plans": len(SPACE), "device": device, "device_key": DEVICE.key}
        said.append(("prepared", {**space, "simulated": True}))
        said.append(("state", {"state": "running", "message": ""}))
        said.append(("end", {"state": search["state"], "message": search["message"], "answer": None}))
    for place, (kind, data) in enumerate(said, start=1):
        seq = place + between * (kind == "end")
        key = kind if kind == "prepared" else None
        yield _event(search["id"], seq, search["created_at"], kind, key, data)


def _trials(search_id: str, count: int, rng: random.Random) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows of `trials`, each with its event."""
    for number in range(count):
        plan, at = _plan(rng), stamp(BEGUN + timedelta(seconds=number, days=1))
        row: dict[str, Any] = dict.fromkeys(column.name for column in schema.trials.columns)
        row |= {
            "search_id": search_id,
            "number": number,
            "plan": pack(plan),
            "plan_key": trial_rows.digest(plan),
            "asked_at": at,
            "ended_at": at,
        }
        if number % 50 == 49:
            failed = {"cause": "crash", "attempts": 3}
            row |= {"state": "failed", "error": "its process died", **failed}
            data = {"number": number, "plan": dict(plan), "reason": "its process died", **failed}
            yield row, _event(search_id, FIRST + number, at, "failure", f"evaluate:{number}", data)
            continue
        metric = rng.gauss(36, 2)
        metrics = {"bbox_mAP": metric, "segm_mAP": metric - 3}
        origin = "archive" if number % 10 == 3 else "new"
        ms = rng.uniform(12, 47)
        about = {
            "metric": metric,
            "latency_ms": ms,
            "excess": ms / 30 - 1,
            "origin": origin,
            "attempts": int(origin == "new"),
        }
        band = {"low_ms": ms * 0.98, "high_ms": ms * 1.02, "within": float(ms < 30)}
        row |= {
            **about,
            **band,
            "state": "done",
            "metrics": pack(metrics),
            "feasible": ms <= 30,
            "images": 500,
            "seconds": 1.5,
        }
        record = Evaluation(plan, 500, "search", metrics, seconds=1.5, data="e" * 64).to_dict()
        data = {"number": number, "evaluation": record, **about, **band}
        yield row, _event(search_id, FIRST + number, at, "evaluation", f"evaluate:{number}", data)


def _event(search_id: str, seq: int, at: str, kind: str, key: str | None, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"search_id": search_id, "seq": seq, "at": at, "kind": kind, "key": key, "data": pack(data)}


def _plan(rng: random.Random) -> Plan:
    return SPACE.at(tuple(rng.randrange(len(knob.values)) for knob in SPACE.knobs))
