"""What is written down of a request, and what never is."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from api import logs
from tests.api.doubles import idle_app, raising

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the configured logs write; the configuration ends with the test."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        logs.configure("json", [TOKEN])
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line_with_its_route_status_and_time(home: Path, written: io.StringIO) -> None:
    with idle_app(home) as client:
        client.get("/problems/internal?secret=hunter2", headers={"X-Request-ID": "abc-1"})
    (line,) = [line for line in lines(written) if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/problems/{slug}", 200)
    assert line["request_id"] == "abc-1" and line["client"] == "127.0.0.1" and 0 <= line["ms"] < 60_000
    assert "hunter2" not in str(line)


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "é", "a\tb", "<script>"])
def test_an_id_that_could_forge_lines_is_replaced(home: Path, sent: str) -> None:
    with idle_app(home) as client:
        given = client.get("/healthz", headers={"X-Request-ID": sent.encode()}).headers["x-request-id"]  # type: ignore[dict-item]
        assert given != sent and len(given) == 16
        assert client.get("/healthz", headers={"X-Request-ID": "fine-1.2_3"}).headers["x-request-id"] == "fine-1.2_3"


def test_a_trace_goes_on_with_a_span_of_our_own(home: Path) -> None:
    sent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with idle_app(home) as client:
        _, trace, span, flags = client.get("/healthz", headers={"traceparent": sent}).headers["traceparent"].split("-")
        assert (trace, flags) == ("ab" * 16, "01") and span != "cd" * 8 and len(span) == 16
        fresh = client.get("/healthz", headers={"traceparent": "rubbish"}).headers["traceparent"]
        assert fresh.startswith("00-") and len(fresh) == 55


def test_the_search_of_a_path_is_bound_to_every_line_of_the_request(home: Path, written: io.StringIO) -> None:
    with idle_app(home) as client:
        client.get("/v1/searches/01JABC/front")
    assert [line["search_id"] for line in lines(written) if line["event"] == "request"] == ["01JABC"]


def test_the_unforeseen_is_told_to_the_log_alone_and_without_secrets(home: Path, written: io.StringIO) -> None:
    raising["it"] = RuntimeError(f"postgresql://me:hunter2@db/x said no to {TOKEN}, Bearer abcdef")
    with idle_app(home) as client:
        answer = client.get("/raise/it")
    (line,) = [line for line in lines(written) if line["event"] == "unforeseen"]
    assert answer.status_code == 500 and answer.json()["request_id"] == line["request_id"]
    assert (
        "RuntimeError" not in answer.text and "RuntimeError" in line["exception"] and "Traceback" in line["exception"]
    )
    for secret in ("hunter2", TOKEN, "abcdef"):
        assert secret not in written.getvalue() and secret not in answer.text


def test_headers_that_open_doors_are_never_written(home: Path, written: io.StringIO) -> None:
    secret = {"Authorization": f"Bearer {TOKEN}", "Cookie": "sparsearch_session=s3cr3t", "Idempotency-Key": "k3y"}
    with idle_app(home, token=TOKEN) as client:
        client.get("/nowhere", headers=secret)
        client.get("/nowhere", headers={**secret, "Authorization": "Bearer wr0ng"})
        client.post("/session", json={"token": TOKEN})
    for word in (TOKEN, "s3cr3t", "k3y", "wr0ng"):
        assert word not in written.getvalue()


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        ({"url": "redis://:p4ss@host/0 and postgresql+psycopg://u:p4ss@h/d"}, "host/0"),
        ({"headers": {"Authorization": "p4ss", "accept": "x"}, "list": ["Bearer p4ss", 1, None]}, "accept"),
        ({"cookie": "p4ss", "Idempotency-Key": "p4ss", "token": "p4ss"}, "cookie"),
        ({"error": ValueError("https://u:p4ss@host/")}, "host/"),
        ({"token_file": Path("/run/secret")}, "/run/secret"),
    ],
)
def test_secrets_are_blotted_wherever_they_stand(event: dict[str, Any], kept: str) -> None:
    text = str(logs.Blotter(["p4ss-token"])(None, "info", event))
    assert "p4ss" not in text and kept in text


def test_other_libraries_speak_through_the_same_chain(written: io.StringIO) -> None:
    logging.getLogger("sqlalchemy.engine").warning("lost %s", "postgresql://me:hunter2@db/x")
    (line,) = lines(written)
    assert line["level"] == "warning" and line["logger"] == "sqlalchemy.engine" and "hunter2" not in line["event"]


def test_pretty_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        logs.configure("pretty")
        structlog.get_logger("x").info("hello", name="world")
        try:
            raise ValueError("bad")
        except ValueError:
            structlog.get_logger("x").exception("fell")
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert "hello" in said and "name=world" in said and "ValueError: bad" in said and "\x1b[" not in said
