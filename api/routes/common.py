"""What several groups of routes need: the search of a path, JSON answers, which content type a client prefers."""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Path
from pydantic import BaseModel
from starlette.responses import Response

from api.shared import SharedDep
from search.errors import UnknownSearch
from search.store.rows import SearchRow

_ID = re.compile(r"[A-Za-z0-9-]{1,40}")

SearchId = Annotated[str, Path(description="Id of a search.")]


def row_of(id: SearchId, shared: SharedDep) -> SearchRow:
    """The search of a path.

    Raises:
        UnknownSearch: there is none.
    """
    if not _ID.fullmatch(id):  # no database is asked about what cannot be an id
        raise UnknownSearch(f"there is no search {id[:60]!r}; GET /v1/searches lists them")
    return shared.store.exact(id)


RowDep = Annotated[SearchRow, Depends(row_of)]


def answered(body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; the model was checked when it was made and is not checked again."""
    return Response(body.model_dump_json(), status, headers, "application/json")


def prefers(accept: str | None, wanted: str, default: str) -> bool:
    """Whether a client asks for `wanted` rather than for `default` (RFC 9110, 12.5.1); rubbish counts as nothing."""
    if accept is None:
        return False
    return _quality(accept, wanted) > _quality(accept, default)


def _quality(accept: str, kind: str) -> float:
    family = kind.partition("/")[0] + "/*"
    found: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q" and re.fullmatch(r"[01](\.\d{0,3})?", value.strip()):
                quality = float(value)
        found[name] = quality
    return next((found[name] for name in (kind, family, "*/*") if name in found), 0.0)
