"""Which problem an exception is: the errors of `search` and `latency`, of the framework, and the unforeseen."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from api.pages.errors import error_page, wants_page
from api.problems import FieldError, Problem, request_id, retry_after
from latency.errors import SettingError
from models.errors import PlanError
from search import errors

_LOG = structlog.get_logger("sparsearch.failures")
_ERRORS = 20
"""Fields named in one answer."""

_FOLDERS = re.compile(r"(?<![\w/.])/(?!v1/)(?:[^\s/:,;'\"()]+/)+(?=[^\s/:,;'\"()])")
"""The folder part of an absolute path; API paths are none."""

_BY_STATUS: Mapping[int, str] = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "timeout",
    409: "state-conflict",
    413: "too-large",
    415: "unsupported-media",
    429: "queue-full",
    503: "not-ready",
}


def install(app: FastAPI) -> None:
    """Make every foreseen exception of a route a problem; the outermost middleware takes the others."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status == 405:
            # the framework names the methods of the first route of this path alone
            problem.headers["Allow"] = ", ".join(sorted(_methods(app, request.scope["path"])))
        if isinstance(error, errors.SearchError) and problem.status >= 500:
            unforeseen = problem.type == "internal"
            _LOG.error(
                "refused",
                error=type(error).__name__,
                reason=str(error),
                status=problem.status,
                exc_info=error if unforeseen else None,
            )
            if isinstance(error, errors.StoreError):
                request.app.state.service.metrics.database_errors.inc()
        return answer_to(problem, request.scope)

    for foreseen in (Problem, HTTPException, RequestValidationError, errors.SearchError, SettingError, PlanError):
        app.add_exception_handler(foreseen, answer)


def answer_to(problem: Problem, scope: Scope) -> Response:
    """The problem as JSON; as a page for a browser that asked for a page."""
    if not wants_page(scope):
        return problem.response(scope)
    page = error_page(problem.status, problem.title, problem.detail, request_id(scope))
    page.headers.update(problem.headers)
    return page


def _methods(app: FastAPI, path: str) -> set[str]:
    """The methods that any route takes at a path."""
    found: set[str] = set()
    for context in iter_route_contexts(app.routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and pattern.match(path):
            found |= context.methods or set()
    return found


def problem_of(error: Exception) -> Problem:
    """The problem that an exception is; "internal" for whatever nobody foresaw, without a word of it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _of_fields(error.errors())
    if isinstance(error, HTTPException):
        slug = _BY_STATUS.get(error.status_code, "invalid-request" if error.status_code < 500 else "internal")
        return Problem(slug, error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, SettingError | PlanError):
        return Problem("invalid-request", 422, str(error))
    for kind in type(error).__mro__:
        if make := _OF_SEARCH.get(kind):
            return make(error)
    return Problem("internal", 500, "the service met something unforeseen; its log has more under the request_id")


def without_folders(text: str) -> str:
    """A message without the server's folders; file names stay."""
    return _FOLDERS.sub("", text)


def _of_fields(wrong: Sequence[Mapping[str, Any]]) -> Problem:
    found = [FieldError(pointer_of(error["loc"]), _what_is_wrong(error)) for error in wrong[:_ERRORS]]
    if any(error["type"] == "json_invalid" for error in wrong):
        return Problem("invalid-request", 400, "the body is not valid JSON", errors=found)
    first = found[0]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    where = f"{first.pointer}: " if first.pointer else "body: "
    return Problem("invalid-request", 422, f"{where}{first.detail}{more}", errors=found)


def pointer_of(loc: Sequence[str | int]) -> str:
    """Where a field is: JSON Pointer into the body, else "query/name", "path/name", "header/name"."""
    place, *rest = loc
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in rest]
    return "".join(f"/{part}" for part in parts) if place == "body" else "/".join([str(place), *parts])


def _what_is_wrong(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "extra_forbidden":
        return "is not a known field; see the schema in /openapi.json"
    return f"{message}; got {_short(error.get('input'))}"


def _short(value: object) -> str:
    # never all of a hostile value: the repr of a deep one costs more than the request did
    if isinstance(value, Mapping):
        return f"an object of {len(value)} fields"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value[:80] if isinstance(value, str) else value)
    return text if len(text) <= 90 else text[:89] + "…"


def _conflict(error: Any) -> Problem:
    return Problem("state-conflict", 409, str(error), state=error.state, allowed=sorted(error.allowed))


def _target(error: Exception) -> Problem:
    unknown = str(error).startswith("unknown target")
    return Problem("unknown-target" if unknown else "invalid-request", 422, without_folders(str(error)))


def _unknown(error: Exception) -> Problem:
    return Problem("not-found", 404, without_folders(str(error)))


def _refused(error: Exception) -> Problem:
    return Problem("invalid-request", 422, without_folders(str(error)))


_OF_SEARCH: Mapping[type, Callable[[Any], Problem]] = {
    errors.BudgetError: _refused,
    errors.JobError: _refused,
    errors.SamplerError: _refused,
    errors.TargetError: _target,
    errors.UnknownSearch: _unknown,
    errors.UnknownTrial: _unknown,
    errors.UnknownCheckpoint: _unknown,
    errors.StateConflict: _conflict,
    errors.QueueFull: lambda error: Problem("queue-full", 429, str(error), headers=retry_after(10)),
    errors.IdempotencyMismatch: lambda error: Problem("idempotency-mismatch", 422, str(error)),
    errors.NotReady: lambda error: Problem("not-ready", 503, str(error), headers=retry_after(2)),
    # the message names the file or the address of the database: for the log alone
    errors.StoreError: lambda error: Problem(
        "not-ready", 503, "the database cannot be used at the moment; the log says why", headers=retry_after(5)
    ),
}
"""The family is larger than what can reach a request; the nearest ancestor in the table decides."""
