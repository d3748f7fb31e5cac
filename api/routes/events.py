"""The events of a search: a stream that can be cut anywhere and resumed exactly."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.problems import FieldError, Problem, problems
from api.routes.common import RowDep, prefers
from api.schemas.events import EventData, EventName
from api.shared import Shared, SharedDep
from api.stream.lines import RETRY, Line, farewell, snapshot
from api.stream.response import NDJSON, SSE, EventStream
from search.records import TERMINAL

router = APIRouter(tags=["events"])

_LARGEST = 2**63 - 1
_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One server-sent event, by its fields.",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "The position to come back to."},
        "event": {"enum": list(get_args(EventName))},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": EventData.model_json_schema(),
        },
        "retry": {"type": "integer", "description": "Milliseconds before a browser reconnects."},
    },
}
_CONTENT: dict[str, Any] = {
    SSE: {"schema": _EVENT},
    NDJSON: {"schema": {"type": "string", "description": "One EventData object per line."}},
}


@router.get(
    "/v1/searches/{id}/events",
    response_class=Response,
    responses={
        200: {"description": "Events in order, each once.", "content": _CONTENT},
        204: {"description": "The search has ended and nothing follows the position: browsers stop reconnecting."},
        **problems(400, 404, 422, 429, 503),
    },
)
async def events(
    row: RowDep,
    shared: SharedDep,
    request: Request,
    after: Annotated[
        int | None, Query(ge=0, le=_LARGEST, description="Number of the last event known; 0: none.")
    ] = None,
    follow: Annotated[bool, Query(description="false: only what is there now.")] = True,
    last_event_id: Annotated[
        str | None, Header(description="As `after`; a browser sends it and it counts more.")
    ] = None,
    accept: Annotated[str | None, Header(description=f"{SSE} (default) or {NDJSON}.")] = None,
) -> Response:
    """Follow a search until it has ended.

    Each event has the number `id`. A client that comes back with the last number it has seen (`Last-Event-ID`, or
    `?after=`) gets exactly what it missed. Without a position, or with one that the log has not reached, the stream
    begins with a `snapshot` of the search. `?follow=false` gives the log from its beginning (or from `after`) and ends.
    The stream closes after the event `end`, and after `shutdown` when the service goes down. A comment every 15 s
    keeps the connection alive. A client that does not read for 20 s is cut off, and may come back.
    """
    known = _position(last_event_id, after)
    lines = prefers(accept, NDJSON, SSE)
    place = await shared.hub.position(row.id)
    if known is None and not follow:
        known = 0
    if known is not None and known > place.seq:
        known = None
    if follow and not lines and known == place.seq and place.state in TERMINAL:
        return Response(status_code=204)
    streams, metrics = shared.service.streams, shared.service.metrics
    client = request.client.host if request.client else "unknown"
    streams.acquire(client)
    return EventStream(
        _bytes(shared, row.id, known, follow=follow, lines=lines),
        NDJSON if lines else SSE,
        shared.service.stopping,
        lambda: streams.release(client),
        metrics.events_dropped.inc,
    )


async def _bytes(
    shared: Shared, search_id: str, known: int | None, *, follow: bool, lines: bool
) -> AsyncIterator[bytes]:
    if not lines:
        yield RETRY
    async with shared.hub.tail(search_id) as tail:
        if known is None:
            known = tail.high
            told = await run_in_threadpool(_snapshot, shared, search_id, known)
            yield _encoded([told], lines)
        async for batch in shared.hub.follow(search_id, tail, known, wait=follow):
            known = batch[-1].seq
            yield _encoded(batch, lines)
        if follow and shared.service.stopping.is_set():
            yield _encoded([farewell(known, search_id)], lines)


def _snapshot(shared: Shared, search_id: str, seq: int) -> Line:
    row = shared.store.exact(search_id)
    position = shared.service.dispatcher.queue_position(search_id)
    return snapshot(seq, shared.reader.search(shared.store, row, position))


def _encoded(batch: list[Line], lines: bool) -> bytes:
    return b"".join(line.ndjson if lines else line.sse for line in batch)


def _position(header: str | None, after: int | None) -> int | None:
    if header is None or not header.strip():
        return after
    text = header.strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or int(text) > _LARGEST:
        detail = f"must be the number of an event; got {text[:40]!r}"
        raise Problem(
            "invalid-request", 400, f"Last-Event-ID {detail}", errors=[FieldError("header/last-event-id", detail)]
        )
    return int(text)


__all__ = ["EventData", "router"]
