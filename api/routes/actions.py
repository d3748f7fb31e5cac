"""Cancel, pause, resume, stop, delete."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from api.problems import problems
from api.routes.common import RowDep, answered
from api.schemas.search import Search
from api.shared import Shared, SharedDep
from search.lifecycle import Action, done_already
from search.store.rows import SearchRow

router = APIRouter(tags=["actions"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": Search, "description": "It already is there; nothing changed."},
    202: {"description": "It is on its way; watch the state."},
    **problems(404, 409, 503),
}


@router.post("/v1/searches/{id}/cancel", status_code=202, response_model=Search, responses=_ANSWERS)
def cancel(row: RowDep, shared: SharedDep) -> Response:
    """End it as `cancelled` within seconds. What it found out stays known, and it can be resumed."""
    return _act(shared, row, "cancel")


@router.post("/v1/searches/{id}/pause", status_code=202, response_model=Search, responses=_ANSWERS)
def pause(row: RowDep, shared: SharedDep) -> Response:
    """Give the device back until it is resumed; running trials are released, finished ones stay."""
    return _act(shared, row, "pause")


@router.post("/v1/searches/{id}/resume", status_code=202, response_model=Search, responses=_ANSWERS)
def resume(row: RowDep, shared: SharedDep) -> Response:
    """Queue a paused, cancelled or failed search again; nothing finished is repeated."""
    return _act(shared, row, "resume")


@router.post("/v1/searches/{id}/stop", status_code=202, response_model=Search, responses=_ANSWERS)
def stop(row: RowDep, shared: SharedDep) -> Response:
    """Ask for no more trials: finish the running ones, verify the best by measurement, answer, end as `stopped`."""
    return _act(shared, row, "stop")


@router.delete("/v1/searches/{id}", status_code=204, response_class=Response, responses=problems(404, 409, 503))
def delete(row: RowDep, shared: SharedDep) -> Response:
    """Forget an ended search, with its logs and bundles. The evaluations it paid for stay in the target's archive."""
    shared.service.dispatcher.delete(row.id)
    return Response(status_code=204)


def _act(shared: Shared, row: SearchRow, action: Action) -> Response:
    there = done_already(action, row.state)
    dispatcher = shared.service.dispatcher
    take = {
        "cancel": dispatcher.cancel,
        "pause": dispatcher.pause,
        "resume": dispatcher.resume,
        "stop": dispatcher.stop,
    }
    now = take[action](row.id)
    told = shared.reader.search(shared.store, now, dispatcher.queue_position(now.id))
    return answered(told, 200 if there else 202, {"Location": told.links.self})
