"""What an event changes besides the event log: the row of its search, the archive, measurements, models, exports."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from latency.record import Measurement
from search.records import Evaluation, Event
from search.store import schema, trials
from search.store.insert import insert_new
from search.store.rows import pack, plain, plan_key


def append(connection: Connection, search_id: str, event: Event, at: str) -> Event | None:
    """Write an event inside an open transaction; None when its keyed step is there already."""
    events = schema.events
    mine = events.c.search_id == search_id
    if event.key is not None and connection.execute(select(events.c.id).where(mine, events.c.key == event.key)).first():
        return None
    last = connection.execute(select(func.coalesce(func.max(events.c.seq), 0)).where(mine)).scalar_one()
    numbered = Event(event.kind, event.data, event.key, last + 1)
    connection.execute(
        insert(events).values(
            search_id=search_id, seq=numbered.seq, at=at, kind=event.kind, key=event.key, data=pack(event.data)
        )
    )
    if effect := _EFFECTS.get(event.kind):
        effect(connection, search_id, event.data, at)
    return numbered


def _state(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    values: dict[str, Any] = {"state": data["state"], "message": plain(data["message"]), "updated_at": at}
    if data.get("answer") is not None:
        values["answer"] = pack(data["answer"])
    searches = schema.searches
    change = update(searches).where(searches.c.id == search_id).values(values)
    if data["state"] in ("preparing", "running"):
        # a runner that does not know yet must not undo a cancel that was acknowledged
        change = change.where(searches.c.state != "cancelling")
    connection.execute(change)
    trials.follow(connection, search_id, data["state"])


def _evaluation(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    _archive(connection, search_id, data["evaluation"], at)
    trials.evaluation(connection, search_id, data, at)


def _confirm(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    for evaluation in data["evaluations"]:
        _archive(connection, search_id, evaluation, at)


def _archive(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    evaluation = Evaluation.from_dict(data)
    searches = schema.searches
    digest = connection.execute(select(searches.c.target_digest).where(searches.c.id == search_id)).scalar_one()
    row = {
        "target_digest": digest,
        "data_digest": evaluation.data,
        "plan": plan_key(evaluation.plan),
        "split": evaluation.split,
        "images": evaluation.images,
        "at": at,
        "search_id": search_id,
        "record": pack(data),
    }
    connection.execute(insert_new(connection, schema.evaluations, row))  # another search may have been first


def _measurement(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    for record in data["measurements"]:
        measurement = Measurement.from_dict(record)
        low, high = measurement.interval_ms
        connection.execute(
            insert(schema.measurements).values(
                search_id=search_id,
                device_key=data["device_key"],
                purpose=data["purpose"],
                plan=plan_key(measurement.plan),
                median_ms=measurement.median_ms,
                low_ms=low,
                high_ms=high,
                at=at,
                record=pack(record),
            )
        )


def _latency_model(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    if data["source"] != "fitted":
        return
    searches = schema.searches
    digest = connection.execute(select(searches.c.target_digest).where(searches.c.id == search_id)).scalar_one()
    connection.execute(
        insert(schema.latency_models).values(
            search_id=search_id,
            target_digest=digest,
            device_key=data["device_key"],
            steers=data["steers"],
            at=at,
            model=pack(data["model"]),
        )
    )


def _export(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    connection.execute(
        insert(schema.exports).values(
            search_id=search_id, plan=json.dumps(data["plan"]), path=data["path"], at=at, record=pack(data)
        )
    )


_EFFECTS = {
    "state": _state,
    "end": _state,
    "ask": trials.ask,
    "evaluation": _evaluation,
    "failure": trials.failure,
    "confirm": _confirm,
    "measurement": _measurement,
    "latency_model": _latency_model,
    "export": _export,
}
