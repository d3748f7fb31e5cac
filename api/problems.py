"""Problems (RFC 9457): the one shape of every error answer, and the table of their types.

A type is a relative URI such as `/problems/queue-full`; clients decide by it, people read `title` and `detail`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response
from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
PREFIX = "/problems/"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One line of the table.

    Args:
        title: a short summary, the same for every problem of the type.
        meaning: when it happens and what to do about it.
    """

    title: str
    meaning: str


TYPES: Mapping[str, ProblemType] = MappingProxyType(
    {
        "invalid-request": ProblemType(
            "The request is not valid",
            "Malformed JSON or headers (400), or fields out of range (422). `detail` and `errors` say which.",
        ),
        "infeasible-budget": ProblemType(
            "No plan can meet the budget",
            "The sparsest plan is slower than `max_ms`; `floor_ms` says how slow. Ask for at least that.",
        ),
        "unknown-target": ProblemType(
            "There is no such target", "GET /v1/targets lists the targets; an operator adds them on the server."
        ),
        "state-conflict": ProblemType(
            "The search is in another state",
            "The action does not apply to a search in this `state`; `allowed` says when it would, or what would.",
        ),
        "idempotency-in-flight": ProblemType(
            "The first request with this key is still being answered", "Wait a moment and send the same request again."
        ),
        "idempotency-mismatch": ProblemType(
            "The key was used for another request",
            "An Idempotency-Key belongs to one request body. Send the first body again, or take a new key.",
        ),
        "queue-full": ProblemType(
            "Too many searches are waiting", "Nothing was stored. Send it again after the seconds in Retry-After."
        ),
        "too-many-streams": ProblemType(
            "Too many open event streams",
            "Close a stream, or wait for the seconds in Retry-After; GET with ?after= reads events without a stream.",
        ),
        "not-ready": ProblemType(
            "The service cannot do this now",
            "It starts, goes down, or its database or disk cannot be used. Try again after the seconds in Retry-After.",
        ),
        "too-large": ProblemType("The request is too large", "`detail` names the limit."),
        "unsupported-media": ProblemType(
            "The content type is not supported", "`detail` names what this path takes, usually application/json."
        ),
        "timeout": ProblemType(
            "The request body did not arrive", "The client stopped sending for too long; send it again."
        ),
        "unauthenticated": ProblemType(
            "A token is needed",
            "Send `Authorization: Bearer TOKEN`, or sign in on the page. The operator chose the token at start.",
        ),
        "forbidden": ProblemType("This is not allowed", "`detail` says why."),
        "cross-site": ProblemType(
            "The request came from another site",
            "Browsers may only send requests from this service's own pages. Programs: send no Origin, or a token.",
        ),
        "not-exportable": ProblemType(
            "There is nothing to export",
            "The search has no answer yet (watch its `state`), or the bundle could not be made; `detail` says why.",
        ),
        "range-not-satisfiable": ProblemType(
            "The range cannot be served", "Ask for one range of bytes inside the file; Content-Range tells its size."
        ),
        "not-found": ProblemType(
            "There is nothing here", "Check the path and the id; GET /openapi.json lists the paths."
        ),
        "method-not-allowed": ProblemType(
            "The path does not take this method", "The header Allow lists those it takes."
        ),
        "bad-page-token": ProblemType(
            "The page token is not valid",
            "Page tokens come from `next_page_token` of the same list with the same filters. Begin without one.",
        ),
        "internal": ProblemType(
            "Something unforeseen went wrong",
            "The service's log tells more under the `request_id`. Sending the request again does no harm.",
        ),
    }
)
"""Slug -> what it means. Slugs are promised: they only ever get company."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    Args:
        pointer: JSON Pointer into the body ("/setting/batch"; "" is the body itself), or "query/page_size",
            "path/id", "header/idempotency-key".
        detail: what came and what was expected.
    """

    pointer: str
    detail: str


class Problem(Exception):  # noqa: N818  # the field's own name for it
    """An error answer that was foreseen; raise it anywhere between the outermost middleware and a route.

    Args:
        type: a slug of `TYPES`.
        status: HTTP status.
        detail: what came, what was expected, what to do.
        title: instead of the type's own.
        errors: fields at fault.
        headers: of the answer.
        extra: further members, JSON values.
    """

    def __init__(
        self,
        type: str,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        assert type in TYPES, type
        self.type, self.status, self.detail = type, status, detail
        self.title = title or TYPES[type].title
        self.errors, self.headers, self.extra = tuple(errors), dict(headers or {}), extra

    def body(self, instance: str, request_id: str) -> dict[str, Any]:
        """The JSON object of the answer."""
        errors = {"errors": [asdict(error) for error in self.errors]} if self.errors else {}
        return {
            "type": PREFIX + self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            **errors,
            **self.extra,
        }

    def response(self, scope: Scope) -> Response:
        """The answer to the request of an ASGI scope."""
        body = self.body(_printable(scope["path"]), request_id(scope))
        # a path may hold what UTF-8 cannot; ASCII escapes can say everything
        content = json.dumps(body, ensure_ascii=True, allow_nan=False)
        return Response(content, self.status, self.headers, MEDIA_TYPE)


def retry_after(seconds: int) -> dict[str, str]:
    """The header that tells a client when to try again."""
    return {"Retry-After": str(seconds)}


def request_id(scope: Scope) -> str:
    """The id that the outermost middleware gave to a request; "-" outside one."""
    return str(scope.get("state", {}).get("request_id", "-"))


class FieldErrorBody(BaseModel):
    """One entry of `errors`."""

    pointer: str
    detail: str


class ProblemBody(BaseModel):
    """The JSON of a problem, for the OpenAPI document."""

    model_config = ConfigDict(title="Problem", extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldErrorBody] | None = None


_REASONS: Mapping[int, str] = {
    400: "malformed request",
    401: "a token is needed",
    403: "not allowed, or from another site",
    404: "nothing here",
    405: "the path does not take this method",
    408: "the body did not arrive",
    409: "conflict with the present state",
    413: "too large",
    415: "content type not supported",
    416: "range not satisfiable",
    422: "fields out of range",
    429: "too many; see Retry-After",
    500: "unforeseen",
    503: "not ready; see Retry-After",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error answers for the `responses=` of a route."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }


def _printable(path: str) -> str:
    return path if len(path) <= 256 else path[:255] + "…"
