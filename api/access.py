"""The outermost middleware but one: names a request, follows it into the log and the metrics, catches what falls."""

import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.failures import answer_to, problem_of
from api.metrics import Metrics
from api.security.limits import METHODS

_LOG = structlog.get_logger("sparsearch.access")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SEARCH = re.compile(r"/searches/([0-9A-Za-z_-]{1,40})(?=[/:]|$)")
_CLIENT_LEFT = 499
_STREAMS = ("text/event-stream", "application/x-ndjson")


class Access:
    """Gives every request an id and a trace, logs one line for it, and turns exceptions into problems.

    Args:
        app: what is inside.
        metrics: gets the time of every request.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = _identify(scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = identity["request_id"]
        status, streaming, answered_s = 0, False, 0.0

        async def named(message: Message) -> None:
            nonlocal status, streaming, answered_s
            if message["type"] == "http.response.start":
                status, answered_s = message["status"], time.monotonic() - started
                headers = MutableHeaders(scope=message)
                streaming = headers.get("content-type", "").startswith(_STREAMS)
                headers["X-Request-ID"] = identity["request_id"]
                headers["traceparent"] = f"00-{identity['trace_id']}-{identity['span_id']}-{identity['flags']}"
            await send(message)

        started, method = time.monotonic(), scope["method"] if scope["method"] in METHODS else "-"
        bound = {name: value for name, value in identity.items() if name not in ("flags", "span_id")}
        with structlog.contextvars.bound_contextvars(**bound):
            try:
                await self._app(scope, receive, named)
            except ClientDisconnect:
                status = status or _CLIENT_LEFT
            except Exception as error:
                problem = problem_of(error)
                if problem.status >= 500 and problem.type == "internal":
                    _LOG.exception("unforeseen", route=template_of(scope))
                if status:
                    raise _CutShortError from None  # too late for an answer: the server closes the connection
                await answer_to(problem, scope)(scope, receive, named)
            finally:
                seconds = time.monotonic() - started
                route = template_of(scope)
                # a stream lasts as long as its reader likes: how soon it began is what says something
                self._metrics.requests.labels(route, method, status).observe(answered_s if streaming else seconds)
                _LOG.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    ms=round(1000 * seconds, 1),
                    client=(scope.get("client") or ("-",))[0],
                )


class _CutShortError(Exception):
    """An answer that had begun could not be finished."""


def template_of(scope: MutableMapping[str, Any]) -> str:
    """The template of the route that took a request, never its path; "-" when none did."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    # a mount leaves its prefix behind
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return str(scope.get("root_path", "")).removeprefix(root) or "-"


def _identify(scope: Scope) -> dict[str, str]:
    headers = Headers(scope=scope)
    asked = headers.get("x-request-id", "")
    trace = _TRACE.fullmatch(headers.get("traceparent", ""))
    search = _SEARCH.search(scope["path"])
    return {
        "request_id": asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8),
        "trace_id": trace[1] if trace else secrets.token_hex(16),
        "span_id": secrets.token_hex(8),
        "flags": trace[3] if trace else "00",
        **({"search_id": search[1]} if search else {}),
    }
