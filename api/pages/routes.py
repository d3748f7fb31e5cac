"""The addresses of the pages. A page is whole when it arrives; `part=` gives the piece that its script keeps fresh."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.pages import statics
from api.pages.errors import error_page
from api.pages.mixing import warnings
from api.pages.templating import page
from api.pages.words import STATES
from api.problems import Problem, request_id
from api.routes.common import RowDep
from api.schemas.request import PRESETS
from api.schemas.search import Search
from api.schemas.trial import TrialPage
from api.shared import Shared, SharedDep
from api.views.trial import trial_view
from search.errors import UnknownSearch
from search.labels import KEY, LONGEST
from search.samplers import SAMPLERS
from search.store.rows import SearchRow
from search.targets import targets

router = APIRouter(include_in_schema=False)

LISTED = 25
"""Searches on one page of the list."""
TRIALS = 20
"""Trials on one page of the table."""
COMPARED = 6
"""Searches that can be told apart in one picture."""

TrialKind = Literal["", "feasible", "failed", "running"]
_TRIALS: Mapping[str, dict[str, Any]] = {
    "": {"state": None, "feasible": None},
    "feasible": {"state": "done", "feasible": True},
    "failed": {"state": "failed", "feasible": None},
    "running": {"state": "running", "feasible": None},
}


@router.get("/")
def list_page(
    request: Request,
    shared: SharedDep,
    state: str = "",
    target: str = "",
    label: str = "",
    page_token: str | None = None,
    part: Literal["", "list"] = "",
) -> Response:
    """The searches, newest first."""
    pair, known = _label(label), state if state in STATES else None
    wanted = target[:64].replace("\0", "") or None
    signed = {"list": "pages", "state": known, "target": wanted, "label": pair}
    after = shared.page_tokens.read(signed, page_token or None)
    found = shared.store.page_searches(state=known, target=wanted, label=pair, size=LISTED, after=after)
    ahead = {id: place for place, id in enumerate(shared.store.queue())} if found.rows else {}
    chosen = {name: value for name, value in (("state", state), ("target", target), ("label", label)) if value}
    token = shared.page_tokens.make(signed, found.after)
    values: dict[str, Any] = {
        "here": "searches",
        "page": {"items": [shared.reader.search(shared.store, row, ahead.get(row.id)) for row in found.rows]},
        "filters": {"state": state, "target": target, "label": label},
        "filtered": bool(chosen) or after is not None,
        "states": list(STATES),
        "targets": _targets(shared),
        "older": None if token is None else "/?" + urlencode({**chosen, "page_token": token}),
        "newest": "/?" + urlencode(chosen) if after is not None else None,
        "base": str(request.base_url).rstrip("/"),
    }
    return page("parts/list.html" if part else "searches.html", values)


@router.get("/new")
def new_page(shared: SharedDep, target: str = "", max_ms: str = "") -> Response:
    """The form for a new search."""
    values = {
        "here": "new",
        "targets": _targets(shared),
        "chosen": target,
        "max_ms": max_ms,
        "presets": list(PRESETS.items()),
        "samplers": list(SAMPLERS),
    }
    return page("new.html", values)


@router.get("/searches/{id}")
def search_page(
    row: RowDep,
    shared: SharedDep,
    part: Literal["", "live", "trials"] = "",
    trials: TrialKind = "",
    page_token: str | None = None,
) -> Response:
    """One search, or the part of its page that changed."""
    search = _search(shared, row)
    values: dict[str, Any] = {"search": search, "trial_kind": trials}
    if part != "live":
        values |= {"trials": _trials(shared, row, trials, page_token), "trials_after": bool(page_token)}
    return page(f"parts/{part}.html" if part else "search.html", values)


@router.get("/compare")
def compare_page(shared: SharedDep, ids: Annotated[Sequence[str], Query()] = ()) -> Response:
    """Several searches beside each other; `ids` may repeat or hold several, separated by commas."""
    asked = list(dict.fromkeys(id.strip() for some in ids for id in some.split(",") if id.strip()))
    searches, missing = [], []
    for id in asked[:COMPARED]:
        try:
            searches.append(_search(shared, shared.store.exact(id.replace("\0", "")[:40])))
        except UnknownSearch:
            missing.append(id[:60])
    said = warnings(searches, max(len(asked) - COMPARED, 0))
    return page("compare.html", {"here": "compare", "searches": searches, "missing": missing, "warnings": said})


@router.get("/static/{version}/{name:path}")
def static_file(request: Request, version: str, name: str) -> Response:
    """A style sheet or script of the pages."""
    found = statics.answer(version, name, request.headers.get("accept-encoding", ""))
    if found is None:
        raise Problem("not-found", 404, "there is no such file among those of the pages")
    return found


@router.get("/favicon.ico")
def no_icon() -> Response:
    """The pages carry their icon with them."""
    return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})


@router.get("/searches")
def searches_page(request: Request) -> Response:
    """What people type who guess; the list is the first page."""
    return error_page(404, "There is nothing here", "The searches are on the first page.", request_id(request.scope))


def _search(shared: Shared, row: SearchRow) -> Search:
    position = shared.service.dispatcher.queue_position(row.id) if row.state == "queued" else None
    return shared.reader.search(shared.store, row, position)


def _trials(shared: Shared, row: SearchRow, kind: TrialKind, token: str | None) -> TrialPage:
    signed = {"list": "page-trials", "search": row.id, "kind": kind}
    after = shared.page_tokens.read(signed, token or None)
    found = shared.store.page_trials(row.id, **_TRIALS[kind], size=TRIALS, after=after)
    items = [trial_view(trial) for trial in found.rows]
    return TrialPage(items=items, next_page_token=shared.page_tokens.make(signed, found.after))


def _targets(shared: Shared) -> list[Any]:
    return list(targets(shared.service.dispatcher.home).values())


def _label(text: str) -> tuple[str, str] | None:
    """key:value or key=value; None for what can be no label."""
    for sign in (":", "="):
        key, found, value = text.partition(sign)
        if found and KEY.fullmatch(key.strip()) and len(value) <= LONGEST and "\0" not in value:
            return key.strip(), value.strip()
    return None
