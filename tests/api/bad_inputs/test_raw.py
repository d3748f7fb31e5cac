"""What only bytes on a socket can do: silence, lies about lengths, two of what there may be one of, no HTTP at all."""

import gzip
import json
import socket
import time

import pytest

from tests.api.bad_inputs.bodies import BOMB
from tests.api.bad_inputs.cases import GOOD, JSON_TYPE
from tests.api.bad_inputs.conftest import SILENCE_S, Attacked
from tests.api.bad_inputs.judging import check_problem, check_silence
from tests.api.bad_inputs.wire import exchange, receive, request

_GOOD = json.dumps(GOOD).encode()
_POST = b"POST /v1/searches HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
_CHUNKS = b"10000\r\n" + b" " * 65536 + b"\r\n1\r\n \r\n0\r\n\r\n"
"""64 KiB and one byte."""

LATE_S = 10.0
"""Grace for a busy machine."""


@pytest.mark.parametrize(
    "start",
    [
        _POST + b"Content-Length: 100\r\n\r\n" + _GOOD[:20],
        _POST + b"Content-Length: 100\r\n\r\n",
        _POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + _GOOD[:5] + b"\r\n",
        _POST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/checkpoints HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: 1000000\r\n\r\n" + b"\x40" + bytes(7) + b"{",
        b"POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{",
    ],
    ids=["half a body", "no body", "half of the chunks", "no chunk", "half of the weights", "half of a sign-in"],
)
def test_half_a_body_and_then_silence_is_cut(attacked: Attacked, start: bytes) -> None:
    began = time.monotonic()
    answer = exchange(attacked.server.port, start)
    took = time.monotonic() - began
    check_problem(answer, 408, "timeout")
    assert answer.headers["connection"].lower() == "close"
    assert SILENCE_S * 0.5 < took < SILENCE_S + LATE_S
    attacked.witness.check()


def test_a_body_that_trickles_for_ever_is_cut(attacked: Attacked) -> None:
    with socket.create_connection(("127.0.0.1", attacked.server.port), timeout=30) as connection:
        connection.sendall(_POST + b"Content-Length: 60000\r\n\r\n")
        connection.settimeout(0.2)
        began = time.monotonic()
        seen = b""
        while not seen and time.monotonic() - began < 2 * SILENCE_S + LATE_S:
            try:
                connection.sendall(b" ")
                seen = connection.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                continue
            except OSError:
                break
        connection.settimeout(30)
        answer = receive(connection)
    assert time.monotonic() - began < 2 * SILENCE_S + LATE_S
    if answer.status:  # its last word is lost when more bytes arrive behind it
        check_problem(answer, 408, "timeout")
    attacked.witness.check()


def test_a_client_that_goes_in_the_middle_of_a_body_leaves_nothing(attacked: Attacked) -> None:
    for start in (
        _POST + b"Content-Length: 100\r\n\r\n" + _GOOD[:30],
        b"POST /v1/checkpoints HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: 1000000\r\n\r\n" + b"\x40" + bytes(7) + b"{" * 100_000,
    ):
        with socket.create_connection(("127.0.0.1", attacked.server.port), timeout=30) as connection:
            connection.sendall(start)
            time.sleep(0.1)
    assert exchange(attacked.server.port, request("GET", b"/healthz")).status == 200
    deadline = time.monotonic() + LATE_S
    while list((attacked.home / "checkpoints").glob(".*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    attacked.witness.check()


@pytest.mark.parametrize(
    ("status", "slug", "sent"),
    [
        (400, "invalid-request", request("GET", b"/v1/searches", [(b"Host", b"127.0.0.1")])),
        (400, "invalid-request", request("GET", b"/v1/searches", [(b"Host", b"evil.example")])),
        (400, "invalid-request", request("GET", b"/v1/searches", host=None)),
        (400, "invalid-request", request("POST", b"/v1/searches", [JSON_TYPE, JSON_TYPE], _GOOD)),
        (400, "invalid-request", _POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345"),
        (400, "invalid-request", _POST + b"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n12345"),
        (400, "invalid-request", _POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"),
        (400, "invalid-request", _POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n12345\r\n0\r\n\r\n"),
        (400, "invalid-request", b"GET /v1/searches\r\n\r\n"),
        (400, "invalid-request", b"GET /v1/searches HTTP/11\r\nHost: 127.0.0.1\r\n\r\n"),
        (400, "invalid-request", b"GET\t/v1/searches HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        (400, "invalid-request", b"GET /v1/se arches HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        (400, "invalid-request", b"GET /v1/\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        (400, "invalid-request", b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n"),
        (400, "invalid-request", b"GET / HTTP/1.1\r\n Host: 127.0.0.1\r\n\r\n"),
        (400, "invalid-request", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX\0Y: 1\r\n\r\n"),
        (400, "invalid-request", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n"),
        (400, "invalid-request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200),
        (405, "method-not-allowed", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, "invalid-request", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        (400, "invalid-request", b"{}\r\n\r\n"),
        (400, "invalid-request", b"GET http://evil.example/v1/searches HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        (405, "method-not-allowed", b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        (413, "too-large", _POST + b"Content-Length: %d\r\n\r\n" % (2**20 + 1)),
        (413, "too-large", _POST + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNKS),
        (415, "unsupported-media", request("POST", b"/v1/searches", [JSON_TYPE, (b"Content-Encoding", b"gzip")], BOMB)),
        (400, "invalid-request", request("POST", b"/v1/searches", [JSON_TYPE], gzip.compress(b"{}" * 1000))),
        (400, "invalid-request", request("POST", b"/v1/searches", [JSON_TYPE], _GOOD.decode().encode("utf-16"))),
    ],
)  # fmt: skip
def test_what_is_no_proper_request_is_refused_by_a_problem(
    attacked: Attacked, status: int, slug: str, sent: bytes
) -> None:
    answer = exchange(attacked.server.port, sent)
    check_problem(answer, status, slug)
    check_silence(answer, sent, attacked.home)
    attacked.witness.check()


def test_expect_100_continue_is_answered_only_when_the_body_would_be_read(
    attacked: Attacked,
) -> None:
    good = _POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", attacked.server.port), timeout=30) as connection:
        connection.sendall(good)
        assert connection.recv(25).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        rest = receive(connection)
    check_problem(rest, 422, "invalid-request")
    # too large by its own word: refused at once, nobody has to send it
    check_problem(
        exchange(attacked.server.port, _POST + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"), 413
    )
    foreign = good.replace(b"application/json", b"application/xml").replace(b"Host: 127.0.0.1", b"Host: evil.example")
    check_problem(exchange(attacked.server.port, foreign), 400)
    attacked.witness.check()


def test_a_second_request_smuggled_behind_a_refused_body_is_not_read(attacked: Attacked) -> None:
    inner = request("DELETE", f"/v1/searches/{attacked.stock.cancelled}".encode())
    for first in (
        _POST + b"Content-Length: 9999999\r\n\r\n",
        _POST.replace(b"application/json", b"text/plain") + b"Content-Length: 9999\r\n\r\n",
        _POST + b"Content-Length: 5\r\nContent-Length: 500\r\n\r\n12345",
        _POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        _POST + b"Transfer-Encoding: identity, chunked\r\nContent-Length: 5\r\n\r\n12345",
        _POST + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n12345",
    ):
        check_problem(exchange(attacked.server.port, first + inner))
    shown = exchange(attacked.server.port, request("GET", f"/v1/searches/{attacked.stock.cancelled}".encode()))
    assert shown.json()["state"] == "cancelled"
    attacked.witness.check()


@pytest.mark.parametrize("path", ["/v1/searches", "/v1/searches/{done}", "/v1/nothing"])
def test_refusals_of_head_have_no_body(attacked: Attacked, path: str) -> None:
    target = path.format(done=attacked.stock.done).encode()
    answer = exchange(attacked.server.port, request("HEAD", target), "HEAD")
    check_problem(answer, 404 if path.endswith("nothing") else 405, head=True)


def test_a_thousand_refused_connections_leave_the_service_as_it_was(attacked: Attacked) -> None:
    for _ in range(250):
        for sent in (b"\r\n\r\nx\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"", b"G"):
            with socket.create_connection(("127.0.0.1", attacked.server.port), timeout=30) as connection:
                connection.sendall(sent)
    assert exchange(attacked.server.port, request("GET", b"/readyz")).status == 200
    attacked.witness.check()
