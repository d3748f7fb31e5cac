"""Where a browser's request came from. Other sites may link here, and nothing more.

Browsers say so in Sec-Fetch-Site, older ones in Origin; programs send neither. The rule allows by kind of method, so a
method that somebody adds later is covered.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})


class OriginGuard:
    """Refuses what another site makes a browser send; a bearer token is proof enough that no browser was tricked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("state", {}).get("bearer"):
            _check(scope["method"], Headers(scope=scope))
        await self._app(scope, receive, send)


def _check(method: str, headers: Headers) -> None:
    sites = headers.getlist("sec-fetch-site")
    foreign = any(site.lower() not in _OURS for site in sites)
    if method in SAFE:
        # a link from elsewhere may open a page; scripts, images and event streams from elsewhere get nothing
        if foreign and headers.get("sec-fetch-mode", "").lower() != "navigate":
            raise _refusal(f"Sec-Fetch-Site is {sites[0][:40]!r}")
        return
    if foreign:
        raise _refusal(f"Sec-Fetch-Site is {sites[0][:40]!r}")
    for origin in headers.getlist("origin"):
        if not same_origin(origin, headers.get("host", "")):
            raise _refusal(f"Origin is {origin[:100]!r}")


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header names the host (and port) that the request was sent to; "null" names nothing."""
    try:
        parts = urlsplit(origin.strip().lower())
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc == host.strip().lower() != ""


def _refusal(what: str) -> Problem:
    return Problem("cross-site", 403, f"{what}: the request was made by a page of another site and is refused")
