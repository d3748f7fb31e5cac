"""What no request may be: too long, of a method that nothing here needs, a WebSocket."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem

URL_BYTES = 8 * 1024
HEADERS = 64
HEADER_BYTES = 8 * 1024
ALL_HEADERS_BYTES = 16 * 1024

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
ONCE = frozenset({b"content-type", b"content-encoding", b"idempotency-key", b"last-event-id", b"range", b"if-range"})
"""Headers that hold one value: of two, nobody could say which one counts."""

OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})


class Limits:
    """Refuses before anything is looked up or read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # before it is accepted, this is a 403
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSockets here; see /events"})
            return
        if scope["type"] == "http":
            _check(scope)
        await self._app(scope, receive, send)


def _check(scope: Scope) -> None:
    if scope["method"] not in METHODS:
        allow = {"Allow": ", ".join(sorted(METHODS))}
        raise Problem("method-not-allowed", 405, f"method {scope['method'][:20]!r} is not taken here", headers=allow)
    length = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    if length > URL_BYTES:
        raise Problem("too-large", 414, f"the URL has {length} bytes, at most {URL_BYTES} are read")
    headers = scope["headers"]
    if len(headers) > HEADERS:
        raise Problem("too-large", 431, f"{len(headers)} headers came, at most {HEADERS} are read")
    sizes = [len(name) + len(value) for name, value in headers]
    if sum(sizes) > ALL_HEADERS_BYTES or max(sizes, default=0) > HEADER_BYTES:
        raise Problem(
            "too-large",
            431,
            f"the headers have {sum(sizes)} bytes; at most {ALL_HEADERS_BYTES} are read, {HEADER_BYTES} of each",
        )
    seen: set[bytes] = set()
    for name, _ in headers:
        lower = name.lower()
        if lower in OVERRIDES:
            raise Problem(
                "invalid-request", 400, f"the header {name.decode('latin-1')} is refused: use the method itself"
            )
        if lower in ONCE and lower in seen:
            raise Problem("invalid-request", 400, f"the header {name.decode('latin-1')} came twice; send it once")
        seen.add(lower)
