"""Events over HTTP: the whole log, exact resume from any byte, snapshots, lines of JSON, refusals."""

import json
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.schemas.events import EventData
from api.schemas.search import Search
from api.stream.lines import RETRY
from tests.api.routes.conftest import problem
from tests.api.support import AppClient

NDJSON = {"Accept": "application/x-ndjson"}


def parsed(stream: bytes) -> list[tuple[str | None, str, str]]:
    """(id, event, data) of the whole events in a stream, as a browser reads it; what is cut off is dropped."""
    found = []
    *blocks, _rest = stream.replace(b"\r\n", b"\n").split(b"\n\n")
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id"), fields["event"], fields["data"]))
    return found


@pytest.fixture
def log(reading: AppClient, path: str) -> list[tuple[str | None, str, str]]:
    """The whole log of the finished search."""
    return parsed(reading.get(f"{path}/events?after=0").content)


def test_the_log_has_every_event_in_order_and_ends_with_the_end(
    reading: AppClient, path: str, log: list[tuple[str | None, str, str]]
) -> None:
    answer = reading.get(f"{path}/events?after=0")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store" and answer.content.startswith(RETRY)
    assert [int(id or 0) for id, _, _ in log] == list(range(1, len(log) + 1))
    names = [name for _, name, _ in log]
    assert names[0] == "state" and names.count("end") == 1
    assert set(names[names.index("end") + 1 :]) <= {"export"}  # of other tests, on demand
    assert {"prepared", "measurement", "model", "ask", "trial", "front", "progress", "verify", "confirm", "export"} <= {
        *names
    }
    for id, name, data in log:
        told = EventData.model_validate_json(data)
        assert (str(told.seq), told.name, told.search) == (id, name, path.rpartition("/")[2])


def test_progress_comes_at_most_once_a_second_and_phase(log: list[tuple[str | None, str, str]]) -> None:
    told = [json.loads(data) for _, name, data in log if name == "progress"]
    assert told
    for one, other in pairwise(told):
        if one["phase"] == other["phase"] and one["done"] < other["done"] < other["total"]:
            between = datetime.fromisoformat(other["at"]) - datetime.fromisoformat(one["at"])
            assert between.total_seconds() > 0.9


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), again=st.floats(0, 1))
def test_cut_at_any_byte_and_resumed_it_is_the_uncut_log(
    reading: AppClient, path: str, log: list[tuple[str | None, str, str]], where: float, again: float
) -> None:
    whole = _stream(reading, path, "0")
    first = parsed(whole[: int(where * len(whole))])
    position = first[-1][0] or "0" if first else "0"
    second = parsed((rest := _stream(reading, path, position))[: int(again * len(rest))])
    position = second[-1][0] or "0" if second else position
    assert first + second + parsed(_stream(reading, path, position)) == log


_STREAMS: dict[tuple[str, str], bytes] = {}


def _stream(client: AppClient, path: str, position: str) -> bytes:
    # the log of a finished search does not change, so one request per position is enough
    key = path, position
    if key not in _STREAMS:
        _STREAMS[key] = client.get(f"{path}/events?after=0", headers={"Last-Event-ID": position}).content
    return _STREAMS[key]


def test_a_browser_that_has_everything_is_told_not_to_come_back(
    reading: AppClient, path: str, log: list[tuple[str | None, str, str]]
) -> None:
    for headers, query in (({"Last-Event-ID": log[-1][0] or ""}, ""), ({}, f"?after={log[-1][0]}")):
        answer = reading.get(f"{path}/events{query}", headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("query", ["", "?after=99999", "?after=9223372036854775807"])
def test_without_a_position_or_with_one_ahead_of_the_log_it_begins_with_a_snapshot(
    reading: AppClient, path: str, done: dict[str, Any], log: list[tuple[str | None, str, str]], query: str
) -> None:
    ((id, name, data),) = parsed(reading.get(f"{path}/events{query}").content)
    assert (id, name) == (log[-1][0], "snapshot")
    told = json.loads(data)
    assert told["state"] == "succeeded" and told["snapshot"] == done
    assert Search.model_validate(told["snapshot"]).id == done["id"]


def test_lines_of_json_are_the_same_events(
    reading: AppClient, path: str, log: list[tuple[str | None, str, str]]
) -> None:
    answer = reading.get(f"{path}/events?after=0", headers=NDJSON)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.text.splitlines() == [data for _, _, data in log]
    assert answer.text.endswith("\n")


def test_only_what_is_there(reading: AppClient, path: str, log: list[tuple[str | None, str, str]]) -> None:
    whole = [data for _, _, data in log]
    assert reading.get(f"{path}/events?follow=false", headers=NDJSON).text.splitlines() == whole
    assert reading.get(f"{path}/events?follow=false&after=3", headers=NDJSON).text.splitlines() == whole[3:]
    assert reading.get(f"{path}/events?follow=false&after={len(whole)}", headers=NDJSON).text == ""
    assert parsed(reading.get(f"{path}/events?follow=false").content) == log


def test_a_running_search_can_be_read_without_waiting(stuck: AppClient) -> None:
    path = stuck.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 30}).json()["links"]["self"]
    lines = stuck.get(f"{path}/events?follow=false", headers=NDJSON).text.splitlines()
    assert json.loads(lines[0])["state"] == "queued"


@pytest.mark.parametrize("position", ["-1", "9223372036854775808", "text", "1.5", "1e3", "²", "0x10", "1" * 40])
def test_a_last_event_id_that_is_none_is_refused(reading: AppClient, path: str, position: str) -> None:
    answer = reading.get(f"{path}/events", headers={"Last-Event-ID": position.encode("latin-1", "replace")})
    assert problem(answer, 400, "invalid-request")["errors"][0]["pointer"] == "header/last-event-id"


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=9223372036854775808", "follow=maybe"])
def test_a_wrong_position_or_wish_is_refused(reading: AppClient, path: str, query: str) -> None:
    problem(reading.get(f"{path}/events?{query}"), 422, "invalid-request")


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        (None, False),
        ("*/*", False),
        ("text/event-stream", False),
        ("application/x-ndjson", True),
        ("text/event-stream, application/x-ndjson", False),
        ("text/event-stream;q=0.5, application/x-ndjson", True),
        ("application/*", True),
        ("application/x-ndjson;q=0, */*", False),
        (";;;q=9,,", False),
    ],
)
def test_accept_chooses_the_form(reading: AppClient, path: str, accept: str | None, lines: bool) -> None:
    headers = {"Accept": accept} if accept is not None else {"Accept": ""}
    answer = reading.get(f"{path}/events?follow=false&after=1", headers=headers)
    assert answer.headers["content-type"].startswith("application/x-ndjson") is lines


def test_streams_are_counted_and_given_back(reading: AppClient, path: str) -> None:
    streams = reading.service.streams
    for _ in range(30):  # three times what one client may have at once
        assert reading.get(f"{path}/events?after=0").status_code == 200
    assert streams.open == 0
    for _ in range(10):
        streams.acquire("127.0.0.1")
    try:
        answer = reading.get(f"{path}/events?after=0")
        problem(answer, 429, "too-many-streams")
        assert int(answer.headers["retry-after"]) > 0
    finally:
        for _ in range(10):
            streams.release("127.0.0.1")
