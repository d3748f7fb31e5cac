"""Requests as bytes on a socket, so that a test can say what no client library would."""

import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        status: 0: the connection was closed without an answer.
        headers: names in lower case.
        body: as it came.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def request(
    method: str,
    target: bytes,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    *,
    host: bytes | None = b"127.0.0.1",
    length: bool = True,
) -> bytes:
    """The bytes of a request.

    Args:
        method: of it.
        target: as it stands in the first line.
        headers: further ones, in order; a Content-Length among them takes the place of the true one.
        body: follows the headers.
        host: None: no Host header.
        length: whether to send a Content-Length for a body.
    """
    sent = list(headers)
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target)]
    if host is not None:
        lines.append(b"Host: " + host)
    if length and body and not any(name.lower() == b"content-length" for name, _ in sent):
        sent.append((b"Content-Length", str(len(body)).encode()))
    lines += [name + b": " + value for name, value in sent]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def exchange(port: int, sent: bytes, method: str = "GET", *, closing: bool = False) -> Answer:
    """Send bytes, read one answer, hang up.

    Args:
        port: on the loopback.
        sent: everything that is sent.
        method: HEAD answers have no body.
        closing: whether to end our half of the connection after sending.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(sent)
            if closing:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has answered already, and reads no more
        return receive(connection, method)


class Wire:
    """A connection that stays open between requests for as long as the server likes; much faster for hundreds of them.

    Args:
        port: on the loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def ask(self, sent: bytes, method: str = "GET") -> Answer:
        """Send one request, read its answer."""
        fresh = self._connection is None
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S)
        try:
            self._connection.sendall(sent)
            answer = receive(self._connection, method)
        except (BrokenPipeError, ConnectionResetError):
            answer = Answer(0, {}, b"")
        if answer.status == 0 and not fresh:  # it was closed while idle
            self._hang_up()
            return self.ask(sent, method)
        if answer.status == 0 or answer.headers.get("connection", "").lower() == "close":
            self._hang_up()
        return answer

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def receive(connection: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a connection."""
    answer = http.client.HTTPResponse(connection, method=method)
    try:
        answer.begin()
        body = answer.read()
    except (http.client.BadStatusLine, ConnectionResetError):
        return Answer(0, {}, b"")
    finally:
        answer.close()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)
