"""What a user takes home: the bundle of a point, packed, and its parts one by one."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bundles import Place, place_of, plan_of
from api.files import OpenFile, file_answer
from api.problems import Problem, problems
from api.routes.common import RowDep
from api.shared import SharedDep
from search.export.checks import CONFIG

router = APIRouter(tags=["downloads"])

PointPath = Annotated[str, Path(description="Id of a point of the front.")]

_TAG = {"ETag": {"description": "sha256 of the whole file.", "schema": {"type": "string"}}}


def _answers(media_type: str) -> dict[int | str, dict[str, Any]]:
    is_text = media_type in ("application/json", "application/yaml")
    content = {media_type: {"schema": {"type": "object"} if is_text else {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The file.", "content": content, "headers": _TAG},
        206: {"description": "The range that was asked for.", "content": content, "headers": _TAG},
        304: {"description": "It is as the client knows it."},
        **problems(404, 409, 416, 503),
    }


_ROOT = "/v1/searches/{id}/front/{point}"


async def bundle(row: RowDep, point: PointPath, shared: SharedDep, request: Request) -> Response:
    """Everything to fine-tune, trust and repeat a plan: config, weights, manifest, report.

    The answer's bundle is there when a search ends; that of another point of the front is made when it is first asked
    for, which takes up to a minute or two. It is checked (parsed, built, loaded strictly) before it is given.
    """
    return await _sent(row, point, shared, request, "bundle.zip", "application/zip", Place.zip)


async def config(row: RowDep, point: PointPath, shared: SharedDep, request: Request) -> Response:
    """The mmdet config to fine-tune with: literals only."""
    return await _sent(row, point, shared, request, "config.py", "text/x-python", lambda place: place.file(CONFIG))


async def manifest(row: RowDep, point: PointPath, shared: SharedDep, request: Request) -> Response:
    """Where every number of the bundle comes from, and the sha256 of its files."""
    return await _sent(
        row, point, shared, request, "manifest.json", "application/json", lambda place: place.file("manifest.json")
    )


async def metafile(row: RowDep, point: PointPath, shared: SharedDep, request: Request) -> Response:
    """The bundle as an entry of a model zoo."""
    return await _sent(
        row, point, shared, request, "metafile.yml", "application/yaml", lambda place: place.file("metafile.yml")
    )


for _path, _route, _type in (
    ("bundle.zip", bundle, "application/zip"),
    ("config.py", config, "text/x-python"),
    ("manifest.json", manifest, "application/json"),
    ("metafile.yml", metafile, "application/yaml"),
):
    router.add_api_route(
        f"{_ROOT}/{_path}", _route, methods=["GET"], response_class=Response, responses=_answers(_type)
    )
    router.add_api_route(f"{_ROOT}/{_path}", _route, methods=["HEAD"], response_class=Response, include_in_schema=False)


async def _sent(
    row: RowDep,
    point: str,
    shared: SharedDep,
    request: Request,
    name: str,
    media_type: str,
    open_in: Callable[[Place], OpenFile],
) -> Response:
    place = await place_of(shared, row, plan_of(row, point))

    def answer() -> Response:
        try:
            file = open_in(place)
        except FileNotFoundError:
            detail = (
                f"the bundle of a {'simulated ' if row.answer and row.answer.simulated else ''}search has no {name}"
            )
            raise Problem("not-found", 404, detail) from None
        shown = f"{place.name}.zip" if name == "bundle.zip" else f"{place.name}-{name}"
        return file_answer(
            file,
            shared.digests.of(file),
            name=shown,
            media_type=media_type,
            inline=False,
            asked=request.headers,
            head=request.method == "HEAD",
        )

    return await run_in_threadpool(answer)
