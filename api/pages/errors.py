"""Errors as pages, for those who came with a browser."""

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import Scope

from api.pages.templating import page

_API = frozenset({"/search", "/openapi.json", "/metrics", "/healthz", "/readyz", "/version", "/session"})


def wants_page(scope: Scope) -> bool:
    """Whether whoever asks is a browser that goes to a page: it takes HTML, and it asks for nothing of the API."""
    if scope.get("method") not in ("GET", "HEAD"):
        return False
    path = str(scope.get("path", ""))
    if path.startswith("/v1/") or path in _API:
        return False
    accept = Headers(scope=scope).get("accept", "")
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "text/html" in kinds and "application/problem+json" not in kinds


def error_page(status: int, title: str, detail: str, request_id: str) -> HTMLResponse:
    """The page of one problem."""
    said = {"status": status, "title": title, "detail": detail, "request_id": request_id}
    return page("error.html", said, status)
