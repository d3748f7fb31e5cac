"""The report of a search as one page, and its pictures."""

import base64
import hashlib
import re
from typing import Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import plots
from api.bundles import Place, place_of
from api.conditional import etag_of, matches
from api.files import OpenFile, file_answer
from api.problems import Problem, problems
from api.routes.common import RowDep
from api.shared import SharedDep

router = APIRouter(tags=["reports"])

_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_TYPES = {"json": "application/json", "svg": "image/svg+xml", "png": "image/png"}
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The report.", "content": {"text/html": {"schema": {"type": "string"}}}},
    206: {"description": "The range that was asked for.", "content": {"text/html": {"schema": {"type": "string"}}}},
    304: {"description": "It is as the client knows it."},
    **problems(404, 409, 416, 503),
}


@router.get("/v1/searches/{id}/report.html", response_class=Response, responses=_ANSWERS)
async def report(row: RowDep, shared: SharedDep, request: Request) -> Response:
    """The report of the answer: one page without script or address, good to print and to send."""
    answer = row.answer
    if answer is None:
        detail = f"search {row.id} is {row.state} and has no answer yet; its report is written when it has"
        raise Problem("not-exportable", 409, detail, state=row.state)
    if answer.plan is None:
        detail = f"search {row.id} found no plan within its budget, so there is no bundle and no report"
        raise Problem("not-found", 404, detail)
    place = await place_of(shared, row, answer.plan)

    def told() -> Response:
        file = _opened(place)
        return file_answer(
            file,
            shared.digests.of(file),
            name=f"{place.name}.html",
            media_type="text/html; charset=utf-8",
            inline=True,
            asked=request.headers,
            headers={"Content-Security-Policy": report_policy(file.read(0, file.size))},
        )

    return await run_in_threadpool(told)


@router.get(
    "/v1/searches/{id}/plots/{name}.{format}",
    response_class=Response,
    responses={
        200: {
            "description": "The picture, or its numbers.",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "image/svg+xml": {"schema": {"type": "string"}},
                "image/png": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        304: {"description": "It is as the client knows it."},
        **problems(404, 503),
    },
)
def plot(
    row: RowDep,
    shared: SharedDep,
    request: Request,
    name: str = Path(description=", ".join(plots.NAMES)),
    format: str = Path(description=", ".join(plots.FORMATS)),
) -> Response:
    """One picture of a search: the numbers behind it, or drawn."""
    try:
        if format not in _TYPES:
            raise plots.UnknownPlot(name)
        body = plots.render(shared.store, row.id, name, format)
    except plots.UnknownPlot:
        known = f"{', '.join(plots.NAMES)} as {', '.join(_TYPES)}"
        detail = f"there is no plot {name[:40]!r} as {format[:10]!r}; there are {known}"
        raise Problem("not-found", 404, detail) from None
    headers = {"ETag": etag_of(body), "Cache-Control": "private, no-cache", "Content-Security-Policy": _PICTURE_POLICY}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, _TYPES[format])


def report_policy(page: bytes) -> str:
    """The content policy of a report: nothing but its own style, named by its hash."""
    hashes = [base64.b64encode(hashlib.sha256(style).digest()).decode() for style in _STYLE.findall(page)]
    style = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    return (
        f"default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    )


def _opened(place: Place) -> OpenFile:
    try:
        return place.file("report.html")
    except FileNotFoundError:
        raise Problem("not-found", 404, "the bundle has no report") from None
