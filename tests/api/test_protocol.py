"""Connections that say nothing, or say it slowly, end; those that work are left alone."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from api import protocol

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """An answer that takes longer than a head may."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"ab", "more_body": True})
    await asyncio.sleep(0.8)
    await send({"type": "http.response.body", "body": b"cd"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(protocol, "HEAD_S", 0.4)
    level = logging.getLogger("uvicorn.error").level
    server = uvicorn.Server(uvicorn.Config(slow, http=protocol.Protocol, ws="none", lifespan="off", log_config=None))
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield opened.getsockname()[1]
        server.should_exit = True
        thread.join(20)
    logging.getLogger("uvicorn.error").setLevel(level)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


@pytest.mark.parametrize("sent", [b"", b"GET ", HEAD, HEAD + b"X: y"])
def test_a_request_that_never_comes_is_not_waited_for(port: int, sent: bytes) -> None:
    with connect(port) as client:
        client.sendall(sent)
        assert client.recv(100) == b""


def test_a_byte_now_and_then_does_not_keep_a_connection(port: int) -> None:
    began = time.monotonic()
    with connect(port) as client, pytest.raises(OSError):
        for byte in HEAD * 100:
            client.sendall(bytes([byte]))
            time.sleep(0.05)
    assert time.monotonic() - began < 10


def test_a_slow_answer_is_not_cut_and_the_next_request_has_its_own_time(port: int) -> None:
    with connect(port) as client:
        for _ in range(2):
            client.sendall(HEAD + b"\r\n")
            answer = b""
            while not answer.endswith(b"abcd"):
                part = client.recv(1000)
                assert part, answer
                answer += part
        client.sendall(b"GET")
        assert client.recv(100) == b""
