"""The answer that stays open: server-sent events or lines of JSON, with pings, and cut when nobody reads it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.types import Receive, Scope, Send

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"

PING_S = 15
SEND_S = 20.0
"""How long one piece may take to leave before the reader counts as gone."""

GRACE_S = 2.0
"""Between the word that the service goes down and the cut."""


class EventStream(EventSourceResponse):
    """A stream of ready-made bytes.

    Args:
        content: the bytes.
        media_type: `SSE`, which is kept alive by comments, or `NDJSON`.
        stopping: set when the service goes down; the content is expected to end soon after.
        on_end: called once when the stream is over, however it ended.
        on_slow: called when it was cut because the reader was too slow.
        send_s: how long one piece may take to leave.
    """

    def __init__(
        self,
        content: AsyncIterator[bytes],
        media_type: str,
        stopping: asyncio.Event,
        on_end: Callable[[], None],
        on_slow: Callable[[], None],
        send_s: float = SEND_S,
    ) -> None:
        super().__init__(
            content,
            media_type=media_type,
            ping=PING_S if media_type == SSE else 0,
            ping_message_factory=lambda: ServerSentEvent(comment="ping"),
            send_timeout=send_s,
            shutdown_grace_period=GRACE_S,
        )
        self._stopping = stopping
        self._on_end = on_end
        self._on_slow = on_slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the content ends, the client goes, or it does not read."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._on_slow()
            # no more can be said to it: the answer stays without an end, and the server closes the connection
        finally:
            self._on_end()

    async def _listen_for_exit_signal(self) -> None:  # type: ignore[override]  # there: of the whole process
        # the library watches uvicorn's class for the whole process; this app has its own word for going down
        await self._stopping.wait()
