"""Events as clients see them: public names, plans with ids, measurements without samples, no path of the server."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from api.failures import without_folders
from api.views.points import finite, latency_view, point_id
from latency.record import Measurement
from search.store.rows import StoredEvent

Data = Mapping[str, Any]

NAMES: Mapping[str, str] = MappingProxyType({"evaluation": "trial", "failure": "trial", "latency_model": "model"})
"""Public names of the kinds that have another one."""


def event_view(search_id: str, event: StoredEvent) -> dict[str, Any]:
    """The data of one event: seq, at, search, name, and what its kind has to say."""
    shape = _SHAPES.get(event.kind, dict)
    name = NAMES.get(event.kind, event.kind)
    return {"seq": event.seq, "at": event.at, "search": search_id, "name": name, **shape(event.data)}


def _named(data: Data) -> dict[str, Any]:
    return {**data, "point": point_id(data["plan"])}


def _attempt(data: Data) -> dict[str, Any]:
    reason = data.get("reason")
    return {**_named(data), "reason": None if reason is None else without_folders(reason)}


def _said(data: Data) -> dict[str, Any]:
    return {**data, "message": without_folders(data["message"])}


def _trial(data: Data) -> dict[str, Any]:
    evaluation = data["evaluation"]
    return {
        "number": data["number"],
        "plan": evaluation["plan"],
        "point": point_id(evaluation["plan"]),
        "state": "done",
        "metric": data["metric"],
        "metrics": evaluation["metrics"],
        "latency_ms": data["latency_ms"],
        "low_ms": data.get("low_ms"),
        "high_ms": data.get("high_ms"),
        "excess": data["excess"],
        "feasible": data["excess"] <= 0,
        "origin": data["origin"],
        "images": evaluation["images"],
        "seconds": evaluation["seconds"],
        "attempts": data.get("attempts", 1),
        "cause": None,
        "error": None,
    }


def _failed(data: Data) -> dict[str, Any]:
    nothing = (
        "metric",
        "metrics",
        "latency_ms",
        "low_ms",
        "high_ms",
        "excess",
        "feasible",
        "origin",
        "images",
        "seconds",
    )
    return {
        "number": data["number"],
        "plan": data["plan"],
        "point": point_id(data["plan"]),
        "state": "failed",
        **{name: data.get(name) for name in nothing},
        "attempts": data["attempts"],
        "cause": data["cause"],
        "error": without_folders(data["reason"]),
    }


def _measurement(data: Data) -> dict[str, Any]:
    made = [Measurement.from_dict(record) for record in data["measurements"]]
    told = [
        {"plan": dict(one.plan), "point": point_id(one.plan), "latency": latency_view(one).model_dump()} for one in made
    ]
    return {"purpose": data["purpose"], "session": data["session"], "measurements": told}


def _model(data: Data) -> dict[str, Any]:
    return {"source": data["source"], "steers": data["steers"], "gates": data["gates"]}


def _ask(data: Data) -> dict[str, Any]:
    return {**data, "points": [point_id(plan) for plan in data["plans"]]}


def _front(data: Data) -> dict[str, Any]:
    best = data["best"]
    return {
        "round": data["round"],
        "points": [_named(point) for point in data["points"]],
        "best": None if best is None else _named(best),
        "evaluated": data["evaluated"],
        "total": data["total"],
    }


def _verify(data: Data) -> dict[str, Any]:
    decision = {name: finite(value) if isinstance(value, float) else value for name, value in data["decision"].items()}
    latency = latency_view(Measurement.from_dict(data["measurement"])).model_dump()
    told = {name: data[name] for name in ("rank", "plan", "metric", "accepted") if name in data}
    return {**_named(told), "decision": decision, "latency": latency}


def _confirm(data: Data) -> dict[str, Any]:
    return _named({name: data[name] for name in ("plan", "metrics", "dense", "images")})


def _export(data: Data) -> dict[str, Any]:
    return {"plan": data["plan"], "point": point_id(data["plan"]), "sha256": data.get("sha256")}


def _prepared(data: Data) -> dict[str, Any]:
    device = data["device"]
    told = {"name": device["name"], "key": data["device_key"]}
    return {"device": told, "simulated": data["simulated"], "plans": data.get("plans")}


def _condition(data: Data) -> dict[str, Any]:
    return {**data, "status": truth(data["status"]), "message": without_folders(data["message"])}


def _end(data: Data) -> dict[str, Any]:
    answer = data.get("answer")
    plan = None if answer is None else answer["plan"]
    told = {"plan": plan, "point": None if plan is None else point_id(plan)}
    return {"state": data["state"], "message": without_folders(data["message"]), **told}


def truth(status: bool | str) -> bool:
    """The status of a condition, which some write as a word."""
    return status is True or status == "true"


_SHAPES: Mapping[str, Callable[[Data], dict[str, Any]]] = MappingProxyType(
    {
        "evaluation": _trial,
        "failure": _failed,
        "measurement": _measurement,
        "latency_model": _model,
        "ask": _ask,
        "attempt": _attempt,
        "state": _said,
        "log": _said,
        "front": _front,
        "verify": _verify,
        "confirm": _confirm,
        "export": _export,
        "prepared": _prepared,
        "condition": _condition,
        "end": _end,
    }
)
