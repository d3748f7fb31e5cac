"""The rows of `trials`: what asking for a plan, its evaluation and its failure change there."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from models.plan import Value
from search.records import TERMINAL
from search.store import schema
from search.store.decoding import stored_event
from search.store.insert import insert_new, insert_or_update
from search.store.rows import pack, plain, plan_key

IDLE = TERMINAL | {"queued", "paused"}
"""States of a search in which none of its trials runs."""


def digest(plan: Mapping[str, Value]) -> str:
    """What a plan is found by; its first 12 digits are its public name."""
    return hashlib.sha256(plan_key(plan).encode()).hexdigest()


def ask(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    """Plans were asked for: they run. Events of older versions do not number them; those get a row when they end."""
    for number, plan in zip(data.get("numbers", ()), data["plans"], strict=False):
        values = _head(search_id, number, plan, "running", at)
        # a plan of the ladder may have been asked for before, or be evaluated already
        connection.execute(insert_new(connection, schema.trials, values))


def evaluation(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    """A trial is done."""
    found, excess, origin = data["evaluation"], data.get("excess"), data.get("origin")
    _end(
        connection,
        {
            **_head(search_id, data["number"], found["plan"], "done", at),
            "metric": data.get("metric"),
            "metrics": pack(found["metrics"]),
            "latency_ms": data.get("latency_ms"),
            "low_ms": data.get("low_ms"),
            "high_ms": data.get("high_ms"),
            "within": data.get("within"),
            "excess": excess,
            "feasible": None if excess is None else excess <= 0,
            "origin": origin,
            "images": found["images"],
            "seconds": found["seconds"],
            "attempts": data.get("attempts", 0 if origin == "archive" else 1),
            "ended_at": at,
        },
    )


def failure(connection: Connection, search_id: str, data: Mapping[str, Any], at: str) -> None:
    """A trial failed for good."""
    _end(
        connection,
        {
            **_head(search_id, data["number"], data["plan"], "failed", at),
            "attempts": data["attempts"],
            "cause": data["cause"],
            "error": plain(data["reason"]),
            "ended_at": at,
        },
    )


def follow(connection: Connection, search_id: str, state: str) -> None:
    """Trials run only while their search does: let go of them when it rests, take them up again when it goes on."""
    trials, events = schema.trials, schema.events
    if state in IDLE:
        connection.execute(delete(trials).where(trials.c.search_id == search_id, trials.c.state == "running"))
    elif state == "running":
        query = select(events).where(events.c.search_id == search_id, events.c.kind == "ask")
        last = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
        if last is not None:
            asked = stored_event(last)
            ask(connection, search_id, asked.data, asked.at)


def _head(search_id: str, number: int, plan: Mapping[str, Value], state: str, at: str) -> dict[str, Any]:
    return {
        "search_id": search_id,
        "number": number,
        "plan": pack(plan),
        "plan_key": digest(plan),
        "state": state,
        "attempts": 0,
        "asked_at": at,
    }


def _end(connection: Connection, values: Mapping[str, Any]) -> None:
    """Write a trial that ended, over its running row if it has one; when it was asked for stays."""
    keep = {"search_id", "number", "asked_at"}
    changed = {name: value for name, value in values.items() if name not in keep}
    connection.execute(insert_or_update(connection, schema.trials, values, ("search_id", "number"), changed))
