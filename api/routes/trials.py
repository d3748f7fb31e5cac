"""The trials of a search: pages of them, one of them, and what is known about the course of one."""

import contextlib
import os
from bisect import bisect_left
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from api.files import OpenFile
from api.problems import Problem, problems
from api.routes.common import RowDep, answered
from api.schemas.trial import Trial, TrialLog, TrialPage
from api.shared import Shared, SharedDep
from api.views.trial import trial_log, trial_view
from search.store.reading import Reading
from search.store.rows import SearchRow, StoredEvent, TrialRow

router = APIRouter(tags=["trials"])

LOG_EVENTS = 5000
"""Events that are looked through: with many workers, those of other trials come between."""

LOG_BYTES = 64 * 1024
LOG_LINES = 200

Number = Annotated[int, Path(ge=0, lt=2**31, description="Number of the trial, from 0.")]


@router.get("/v1/searches/{id}/trials", response_model=TrialPage, responses=problems(400, 404, 422, 503))
def list_trials(
    row: RowDep,
    shared: SharedDep,
    state: Annotated[
        Literal["running", "done", "failed"] | None, Query(description="Only trials in this state.")
    ] = None,
    feasible: Annotated[
        bool | None, Query(description="Only those forecast to be within the budget, or outside.")
    ] = None,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    page_token: Annotated[str | None, Query(description="From `next_page_token`, with the same filters.")] = None,
) -> Response:
    """Trials in the order of asking."""
    filters = {"list": "trials", "search": row.id, "state": state, "feasible": feasible}
    after = shared.page_tokens.read(filters, page_token)
    page = shared.store.page_trials(row.id, state=state, feasible=feasible, size=page_size, after=after)
    items = [trial_view(one) for one in page.rows]
    return answered(TrialPage(items=items, next_page_token=shared.page_tokens.make(filters, page.after)))


@router.get("/v1/searches/{id}/trials/{number}", response_model=Trial, responses=problems(404, 422, 503))
def show_trial(row: RowDep, number: Number, shared: SharedDep) -> Response:
    """One trial."""
    return answered(trial_view(_trial(shared, row, number)))


@router.get("/v1/searches/{id}/trials/{number}/log", response_model=TrialLog, responses=problems(404, 422, 503))
def show_log(row: RowDep, number: Number, shared: SharedDep) -> Response:
    """What the search said about one trial and while it ran, and the last lines of its processes' own log."""
    trial = _trial(shared, row, number)
    return answered(trial_log(row.id, trial, _around(shared.store, trial), _runner_log(shared, row)))


def _trial(shared: Shared, row: SearchRow, number: int) -> TrialRow:
    try:
        return shared.store.trial(row.id, number)
    except LookupError:
        raise Problem("not-found", 404, f"search {row.id} has no trial {number}") from None


def _around(store: Reading, trial: TrialRow) -> list[StoredEvent]:
    """The events between the start and the end of a trial, and its verification."""
    newest = store.latest(trial.search_id, None)
    first = bisect_left(
        range(1, 1 if newest is None else newest.seq + 1),
        trial.asked_at,
        key=lambda seq: store.stored_events(trial.search_id, seq - 1, 1)[0].at,
    )
    found: list[StoredEvent] = []
    while len(found) < LOG_EVENTS:
        batch = store.stored_events(trial.search_id, found[-1].seq if found else first, 500)
        found += batch
        if not batch or (trial.ended_at is not None and batch[-1].at > trial.ended_at):
            break
    verified = store.stored_events(trial.search_id, found[-1].seq if found else first, None, kinds=["verify"])
    return found + verified


def _runner_log(shared: Shared, row: SearchRow) -> list[str]:
    """The end of the runner's log, without the server's folders."""
    with contextlib.suppress(FileNotFoundError):
        file = OpenFile(shared.service.dispatcher.home.path, "runs", row.id, "runner.log")
        try:
            start = max(0, file.size - LOG_BYTES)
            text = os.pread(file.handle, LOG_BYTES, start).decode(errors="replace")
        finally:
            file.close()
        lines = text.splitlines()[1 if start else 0 :]
        return [line for line in lines if line.isprintable() or "\t" in line][-LOG_LINES:]
    return []
