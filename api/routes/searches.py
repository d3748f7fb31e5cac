"""Asking for a search, looking at searches."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.conditional import etag_of, matches
from api.idempotency import idempotency_key
from api.problems import Problem, problems
from api.routes.common import RowDep, answered
from api.schemas.job import job_of
from api.schemas.request import SearchRequest
from api.schemas.search import Search, SearchPage
from api.schemas.validation import Validation
from api.shared import Shared, SharedDep
from api.views.validation import validation
from search.preflight import preflight
from search.records import State
from search.store.rows import SearchRow
from search.targets import Target, targets

router = APIRouter(tags=["searches"])

RETRY_S = 2
"""When it is worth looking at a new search for the first time."""

_HEADERS: dict[str, Any] = {
    "Location": {"description": "Path of the search.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until looking is worth it.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {"description": "true: an earlier request made it.", "schema": {"type": "string"}},
}

IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 visible ASCII characters. The same request sent again with it gives the same search.",
        json_schema_extra={"pattern": r"^[\x21-\x7e]{1,255}$"},  # refused by hand, by 400
    ),
]


@router.post(
    "/search",
    status_code=202,
    operation_id="create_search_alias",
    summary="Ask for a search (short path)",
    response_model=Search,
    responses={202: {"headers": _HEADERS}, **problems(400, 409, 413, 415, 422, 429, 503)},
)
@router.post(
    "/v1/searches",
    status_code=202,
    operation_id="create_search",
    summary="Ask for a search",
    response_model=Search,
    responses={202: {"headers": _HEADERS}, **problems(400, 409, 413, 415, 422, 429, 503)},
)
def create(body: SearchRequest, shared: SharedDep, idempotency: IdempotencyHeader = None) -> Response:
    """Store a request and queue it. It is safe on disk when the answer comes.

    Only `target` and `max_ms` are required; the target has defaults for the rest. Whether the budget can be met is
    the first thing a search finds out: if not, it ends in the state `infeasible`, with the floor and the nearest plan.
    """
    key = idempotency_key(idempotency, body)
    job = job_of(body, _target(shared, body.target))
    with shared.in_flight.hold(key):
        made = shared.service.dispatcher.submit(job, key)
    told = shared.reader.search(shared.store, made.row, shared.service.dispatcher.queue_position(made.row.id))
    headers = {"Location": told.links.self, "Retry-After": str(RETRY_S)}
    if made.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answered(told, 202, headers)


@router.post("/v1/searches:validate", responses=problems(400, 413, 415, 422, 503))
def validate(body: SearchRequest, shared: SharedDep) -> Validation:
    """Check a request without storing it, and say what earlier searches know about it.

    Everything is null that no earlier search of the same target, in the same setting, has found out.
    """
    target = _target(shared, body.target)
    job = job_of(body, target)
    preflight(job, shared.service.dispatcher.home)
    return validation(shared.store, job, shared.targets.of(target))


@router.get("/v1/searches", response_model=SearchPage, responses=problems(400, 422, 503))
def list_searches(
    shared: SharedDep,
    state: Annotated[State | None, Query(description="Only searches in this state.")] = None,
    target: Annotated[str | None, Query(max_length=64, description="Only searches of this target.")] = None,
    label: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z0-9_.-]{1,64}:[^\x00]{0,200}$",
            description="Only searches with this label, as key:value.",
        ),
    ] = None,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    page_token: Annotated[str | None, Query(description="From `next_page_token`, with the same filters.")] = None,
) -> Response:
    """Searches, newest first. Pages stay whole while searches come and go."""
    if target is not None and "\0" in target:
        return answered(SearchPage(items=[], next_page_token=None))
    filters = {"list": "searches", "state": state, "target": target, "label": label}
    after = shared.page_tokens.read(filters, page_token)
    pair = None if label is None else (label.partition(":")[0], label.partition(":")[2])
    page = shared.store.page_searches(state=state, target=target, label=pair, size=page_size, after=after)
    ahead = {id: place for place, id in enumerate(shared.store.queue())} if page.rows else {}
    items = [shared.reader.search(shared.store, row, ahead.get(row.id)) for row in page.rows]
    return answered(SearchPage(items=items, next_page_token=shared.page_tokens.make(filters, page.after)))


@router.get(
    "/v1/searches/{id}",
    response_model=Search,
    responses={
        200: {"headers": {"ETag": {"description": "Of this very answer.", "schema": {"type": "string"}}}},
        304: {"description": "It is as the client knows it."},
        **problems(404, 422, 503),
    },
)
async def show(
    row: RowDep,
    shared: SharedDep,
    wait: Annotated[
        float,
        Query(ge=0, le=60, description="Seconds to wait for a change (long poll). An ended search is told at once."),
    ] = 0,
    if_none_match: Annotated[str | None, Header(description="Entity tag of an earlier answer.")] = None,
) -> Response:
    """One search.

    With `wait`, the answer comes when the search is not (or no longer) as `If-None-Match` says; without that header,
    as soon as anything about it changes; in any case after so many seconds.
    """
    body, ended = await run_in_threadpool(_shown, shared, row)
    etag = etag_of(body)
    if wait > 0 and not ended and (if_none_match is None or matches(if_none_match, etag)):
        known = etag
        async with shared.hub.tail(row.id) as tail:
            deadline = asyncio.get_running_loop().time() + wait
            while etag == known and not ended and not shared.service.stopping.is_set():
                changed = tail.changed
                body, ended = await run_in_threadpool(_shown_again, shared, row.id)
                etag = etag_of(body)
                left = deadline - asyncio.get_running_loop().time()
                if etag != known or ended or left <= 0:
                    break
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    break
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")


def _shown(shared: Shared, row: SearchRow) -> tuple[bytes, bool]:
    position = shared.service.dispatcher.queue_position(row.id) if row.state == "queued" else None
    told = shared.reader.search(shared.store, row, position)
    return told.model_dump_json().encode(), row.terminal


def _shown_again(shared: Shared, search_id: str) -> tuple[bytes, bool]:
    return _shown(shared, shared.store.exact(search_id))


def _target(shared: Shared, name: str) -> Target:
    known = targets(shared.service.dispatcher.home)
    if name not in known:
        detail = f"there is no target {name!r}; there are {', '.join(known)}"
        raise Problem("unknown-target", 422, detail)
    return known[name]
