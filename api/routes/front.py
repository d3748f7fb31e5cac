"""The front of a search, for the budget that was asked and for any other."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from api.problems import problems
from api.routes.common import RowDep, answered, prefers
from api.schemas.front import Front
from api.schemas.request import Milliseconds
from api.shared import SharedDep
from api.views.front import front_view
from api.views.tables import front_csv
from search.budget import Budget

router = APIRouter(tags=["front"])

CSV = "text/csv"
JSON = "application/json"


@router.get(
    "/v1/searches/{id}/front",
    response_model=Front,
    responses={
        200: {"content": {CSV: {"schema": {"type": "string", "description": "One row per point, fastest first."}}}},
        **problems(404, 422, 503),
    },
)
def front(
    row: RowDep,
    shared: SharedDep,
    budget_ms: Annotated[
        Milliseconds | None, Query(description="Judge against this many ms instead of the budget that was asked.")
    ] = None,
    format: Annotated[Literal["json", "csv"] | None, Query(description="Counts more than Accept.")] = None,
    accept: Annotated[str | None, Header(description=f"{JSON} (default) or {CSV}.")] = None,
) -> Response:
    """The plans that no other plan beats in both accuracy and latency, fastest first.

    While a search runs it is the front so far, with what was measured since; an empty front is no error. Another
    budget (on the same statistic, without a lower bound) is judged from the measurements and forecasts there are: no
    new trial is needed.
    """
    budget = None if budget_ms is None else Budget(budget_ms, None, row.job.budget.statistic)
    told = front_view(shared.reader.front(shared.store, row), budget)
    if format == "csv" or (format is None and prefers(accept, CSV, JSON)):
        headers = {"Content-Disposition": f'attachment; filename="front-{row.id}.csv"'}
        return Response(front_csv(told), 200, headers, f"{CSV}; charset=utf-8")
    return answered(told)
