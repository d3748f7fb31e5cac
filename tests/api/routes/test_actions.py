"""Cancel, pause, resume, stop and delete, in every state."""

import json
import time
from typing import Any

import pytest

from search.records import TERMINAL
from tests.api.routes.conftest import problem
from tests.api.support import AppClient

MINIMAL = {"target": "synthetic-swin-t", "max_ms": 30}


def ask(client: AppClient) -> str:
    """The path of a new search."""
    return str(client.post("/v1/searches", json=MINIMAL).json()["links"]["self"])


@pytest.fixture
def waiting(stuck: AppClient) -> str:
    """The path of a search that waits behind another one, which runs."""
    first = ask(stuck)
    until = time.monotonic() + 20
    while stuck.get(first).json()["state"] == "queued" and time.monotonic() < until:
        time.sleep(0.02)
    return ask(stuck)


def settled(client: AppClient, path: str, state: str) -> dict[str, Any]:
    """The search once it is in a state; bounded."""
    until = time.monotonic() + 30
    while True:
        told: dict[str, Any] = client.get(path).json()
        if told["state"] == state or time.monotonic() > until:
            assert told["state"] == state
            return told
        time.sleep(0.02)


def test_a_waiting_search_is_cancelled_and_resumed(stuck: AppClient, waiting: str) -> None:
    answer = stuck.post(f"{waiting}/cancel")
    assert (answer.status_code, answer.json()["state"], answer.headers["location"]) == (202, "cancelled", waiting)
    again = stuck.post(f"{waiting}/cancel")
    assert (again.status_code, again.json()["state"]) == (200, "cancelled")
    resumed = stuck.post(f"{waiting}/resume")
    assert (resumed.status_code, resumed.json()["state"]) == (202, "queued")
    assert stuck.post(f"{waiting}/resume").status_code == 200


def test_a_waiting_search_is_paused_and_resumed(stuck: AppClient, waiting: str) -> None:
    assert [stuck.post(f"{waiting}/pause").status_code for _ in range(2)] == [202, 200]
    assert stuck.get(waiting).json()["state"] == "paused"
    assert stuck.post(f"{waiting}/resume").json()["state"] == "queued"


def test_a_search_without_a_trial_is_stopped_at_once(stuck: AppClient, waiting: str) -> None:
    assert [stuck.post(f"{waiting}/stop").status_code for _ in range(2)] == [202, 200]
    assert stuck.get(waiting).json()["state"] == "stopped"


def test_a_running_search_is_cancelled_within_seconds(stuck: AppClient) -> None:
    path = ask(stuck)
    settled(stuck, path, "preparing")
    assert stuck.post(f"{path}/cancel").status_code == 202
    told = settled(stuck, path, "cancelled")
    assert "resume" in told["message"]


def test_a_running_search_is_paused(stuck: AppClient) -> None:
    path = ask(stuck)
    settled(stuck, path, "preparing")
    assert stuck.post(f"{path}/pause").status_code == 202
    settled(stuck, path, "paused")
    assert stuck.post(f"{path}/cancel").status_code == 202
    settled(stuck, path, "cancelled")


def test_what_is_not_possible_is_a_409_with_the_state_and_what_is(reading: AppClient, path: str) -> None:
    for action in ("cancel", "pause", "resume", "stop"):
        body = problem(reading.post(f"{path}/{action}"), 409, "state-conflict")
        assert body["state"] == "succeeded" and isinstance(body["allowed"], list)


def test_only_what_has_ended_is_deleted(stuck: AppClient, waiting: str) -> None:
    problem(stuck.delete(waiting), 409, "state-conflict")
    stuck.post(f"{waiting}/cancel")
    answer = stuck.delete(waiting)
    assert (answer.status_code, answer.content) == (204, b"")
    for method, where in (("GET", waiting), ("DELETE", waiting), ("POST", f"{waiting}/cancel")):
        problem(stuck.request(method, where), 404, "not-found")


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "stop"])
def test_an_action_needs_a_search(reading: AppClient, action: str) -> None:
    problem(reading.post(f"/v1/searches/nothing/{action}"), 404, "not-found")
    assert reading.get(f"/v1/searches/nothing/{action}").status_code in (404, 405)


def test_actions_leave_their_events(stuck: AppClient, waiting: str) -> None:
    for action in ("pause", "resume", "cancel"):
        stuck.post(f"{waiting}/{action}")
    lines = stuck.get(f"{waiting}/events?follow=false", headers={"Accept": "application/x-ndjson"})
    states = [one["state"] for one in map(json.loads, lines.text.splitlines()) if one["name"] in ("state", "end")]
    assert states == ["queued", "paused", "queued", "cancelling", "cancelled"]
    assert states[-1] in TERMINAL
