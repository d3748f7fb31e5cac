"""Uploaded weights: safetensors files, kept under their sha256. Pickles are refused and never opened."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api import uploads
from api.problems import Problem, problems, retry_after
from api.schemas.catalogue import CheckpointBody, CheckpointList
from api.state import Service, ServiceDep
from search.errors import UnknownCheckpoint
from search.home import Home
from search.store.rows import CheckpointRow

PATH = "/v1/checkpoints"
TYPES = frozenset({"application/octet-stream", "application/vnd.safetensors"})

router = APIRouter(tags=["checkpoints"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {kind: _BINARY for kind in sorted(TYPES)}}}
_NAME = Query(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f/\\]+$", description="What you call it.")
_RETRY_S = 10

CheckpointId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of a checkpoint.")]


@router.post(
    PATH,
    status_code=201,
    response_model=CheckpointBody,
    responses={
        200: {"model": CheckpointBody, "description": "the very same bytes are here already"},
        **problems(400, 408, 413, 415, 422, 429, 503),
    },
    openapi_extra=_BODY,
)
async def upload_checkpoint(
    request: Request, service: ServiceDep, name: Annotated[str | None, _NAME] = None
) -> JSONResponse:
    """Upload weights: a safetensors file as the body. Nothing in it is executed, and its header must be flawless."""
    if not service.uploads.acquire(blocking=False):
        # each may take gigabytes of disk before it can be judged
        raise Problem(
            "queue-full", 429, "as many uploads as are taken at once are running", headers=retry_after(_RETRY_S)
        )
    try:
        length = request.headers.get("content-length")
        folder = Home(service.settings.home).checkpoints
        received = await uploads.receive(request.stream(), folder, int(length) if length else None)
        new, row = await run_in_threadpool(_note, service, received, name)
    finally:
        service.uploads.release()
    return JSONResponse(_told(row).model_dump(), 201 if new else 200, {"Location": f"{PATH}/{row.id}"})


@router.get(PATH, responses=problems(503))
def list_checkpoints(service: ServiceDep) -> CheckpointList:
    """Every uploaded checkpoint, newest first."""
    return CheckpointList(items=[_told(row) for row in service.dispatcher.store.checkpoints()])


@router.get(f"{PATH}/{{id}}", responses=problems(404, 503))
def get_checkpoint(id: CheckpointId, service: ServiceDep) -> CheckpointBody:
    """One checkpoint."""
    return _told(service.dispatcher.store.checkpoint(id))


def _note(service: Service, received: uploads.Received, name: str | None) -> tuple[bool, CheckpointRow]:
    store = service.dispatcher.store
    try:
        return False, store.checkpoint(received.sha256[:16])
    except UnknownCheckpoint:
        called = name or received.sha256[:12]
        return True, store.add_checkpoint(received.sha256, called, received.bytes, received.contents.tensors)


def _told(row: CheckpointRow) -> CheckpointBody:
    return CheckpointBody(**asdict(row))
