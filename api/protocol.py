"""HTTP/1.1 as uvicorn speaks it, with an end to patience, and with problems for what is no HTTP at all."""

import asyncio
import json
import secrets
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import MEDIA_TYPE, Problem
from api.security.headers import ALWAYS, UNLESS_SET

HEAD_S = 20.0
"""From the connection (or the first byte of a further request) to the end of the request's headers."""


class Protocol(H11Protocol):
    """Closes connections that open and then say nothing, or say it a byte at a time; bodies have their own limit.

    What cannot be parsed never becomes a request, so no middleware answers it: the problem is written here.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._rest()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Something has arrived."""
        super().handle_events()
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._rest()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # an answer has begun already
            return
        identity = secrets.token_hex(8)
        problem = Problem("invalid-request", 400, "what came is not valid HTTP/1.1; the connection is closed")
        body = json.dumps(problem.body("/", identity)).encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Request-ID": identity,
            **ALWAYS,
            **UNLESS_SET,
        }
        start = h11.Response(status_code=400, headers=list(headers.items()), reason=b"Bad Request")
        for event in (start, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
