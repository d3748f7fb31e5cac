"""Events as clients see them: names, ids, statistics instead of samples, no path of the server."""

import json
from typing import Any

import pytest

from api.schemas.events import EventData
from api.views.event import event_view
from api.views.points import point_id
from search.records import Event
from search.store.rows import StoredEvent
from tests.search.support import DEVICE, SPACE, evaluation_event, measurement, measurement_event

PLAN = SPACE.canonical(SPACE.dense)
AT = "2026-11-21T08:00:00+00:00"


def view(event: Event) -> dict[str, Any]:
    data = event_view("s", StoredEvent(3, AT, event.kind, event.key, json.loads(json.dumps(event.data))))
    EventData.model_validate(data)
    json.dumps(data, allow_nan=False)
    assert (data["seq"], data["at"], data["search"]) == (3, AT, "s")
    return data


def test_an_evaluation_is_a_trial() -> None:
    data = view(evaluation_event(4, PLAN, 31.5))
    assert (data["name"], data["number"], data["state"], data["metric"]) == ("trial", 4, "done", 31.5)
    assert (data["point"], data["plan"], data["feasible"]) == (point_id(PLAN), dict(PLAN), True)
    assert data["metrics"] == {"bbox_mAP": 31.5, "segm_mAP": 30.5} and "per_image" not in str(data)


def test_a_failure_is_a_failed_trial() -> None:
    failed = {"number": 4, "plan": dict(PLAN), "cause": "timeout", "reason": "too slow", "attempts": 3}
    data = view(Event("failure", failed, "k"))
    assert (data["name"], data["state"], data["cause"]) == ("trial", "failed", "timeout")
    assert (data["error"], data["attempts"], data["metric"]) == ("too slow", 3, None)


def test_measurements_lose_their_samples_and_keep_their_statistics() -> None:
    made = measurement(PLAN, 41.0)
    data = view(measurement_event("verify:0:1", made))
    (one,) = data["measurements"]
    assert (data["name"], data["purpose"], data["session"]) == ("measurement", "verify", "verify:0:1")
    assert (one["point"], one["latency"]["ms"]) == (point_id(PLAN), pytest.approx(41.0))
    assert one["latency"]["samples"] == made.samples and "samples_ms" not in str(data)


def test_a_single_block_has_no_interval_and_json_says_null() -> None:
    data = view(measurement_event("ends", measurement(PLAN, 41.0, blocks=2)))
    assert data["measurements"][0]["latency"]["low_ms"] is not None
    from dataclasses import replace

    single = replace(measurement(PLAN, 41.0), blocks=measurement(PLAN, 41.0).blocks[:1])
    data = view(measurement_event("ends", single))
    assert data["measurements"][0]["latency"]["high_ms"] is None


def test_a_front_names_its_points() -> None:
    best = {"plan": dict(PLAN), "metric": 1.0, "latency_ms": 2.0, "low_ms": 1.0, "high_ms": 3.0, "within": 0.9}
    data = view(Event("front", {"round": 1, "points": [best], "best": best, "evaluated": 4, "total": 8}, "front:1"))
    assert data["points"][0]["point"] == data["best"]["point"] == point_id(PLAN)


def test_no_path_of_the_server_is_told() -> None:
    export = {"path": "/secret/bundles/x", "zip": "/secret/bundles/x.zip", "plan": dict(PLAN), "sha256": "ab"}
    answer = {"plan": dict(PLAN), "bundle": "/secret/bundles/x"}
    for event in (Event("export", export, "e"), Event("end", {"state": "succeeded", "message": "", "answer": answer})):
        data = view(event)
        assert data["point"] == point_id(PLAN) and "secret" not in json.dumps(data)


def test_prepared_tells_the_device_without_its_neighbourhood() -> None:
    device = {**DEVICE.to_dict(), "details": {"context": {"host": "abc"}}}
    prepared = {"space": "{}", "device": device, "device_key": DEVICE.key, "simulated": True, "plans": 9}
    data = view(Event("prepared", prepared, "prepared"))
    assert data["device"] == {"name": DEVICE.name, "key": DEVICE.key} and data["plans"] == 9


@pytest.mark.parametrize(("said", "meant"), [(True, True), (False, False), ("true", True), ("false", False)])
def test_the_status_of_a_condition_is_a_truth_value(said: object, meant: bool) -> None:
    data = view(Event("condition", {"type": "Verified", "status": said, "reason": "r", "message": "m"}))
    assert data["status"] is meant


@pytest.mark.parametrize(
    "event",
    [
        Event("state", {"state": "queued", "message": ""}),
        Event("progress", {"phase": "measure", "done": 1, "total": 2, "rate": None, "eta_s": None}),
        Event("log", {"level": "info", "message": "hello"}),
    ],
)
def test_plain_events_keep_their_fields(event: Event) -> None:
    data = view(event)
    assert data["name"] == event.kind and {**data, **event.data} == data


def test_attempts_and_questions_name_their_points() -> None:
    tried = {"split": "search", "plan": dict(PLAN), "attempt": 1, "state": "started", "cause": None, "reason": None}
    assert view(Event("attempt", tried))["point"] == point_id(PLAN)
    assert view(Event("ask", {"round": 0, "plans": [dict(PLAN)]}, "ask:0"))["points"] == [point_id(PLAN)]
