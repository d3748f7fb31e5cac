"""Who asks. Every request needs a token or a signed-in browser, before any route is looked up; three paths do not.

Identity     finds out who asks, refuses nobody but a wrong token
Authenticated refuses whoever stayed unknown
Between the two stands `api.security.origins`, which trusts a bearer token, and `api.security.signin`.
"""

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem
from api.security.sessions import COOKIE, Sessions
from api.security.tokens import Tokens

PUBLIC = frozenset({"/healthz", "/readyz", "/version"})
"""What answers without a token: enough for a load balancer, nothing about anybody's searches."""

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="SparSearch"'}


class Identity:
    """Notes in `scope["state"]` whether a valid bearer token or session came: `bearer`, `session`.

    Args:
        app: what is inside.
        tokens: those that open the service.
        sessions: those of signed-in browsers.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, sessions: Sessions) -> None:
        self._app = app
        self._tokens = tokens
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            state = scope.setdefault("state", {})
            state["bearer"] = self._bearer(headers)
            value = session_value(headers)
            state["session"] = bool(value) and self._sessions.valid(value)
        await self._app(scope, receive, send)

    def _bearer(self, headers: Headers) -> bool:
        sent = headers.getlist("authorization")
        if not sent or not self._tokens:
            return False
        kind, _, token = sent[0].partition(" ")
        if len(sent) > 1 or kind.lower() != "bearer" or not self._tokens.accept(token.strip()):
            raise Problem("unauthenticated", 401, "this token does not open the service", headers=CHALLENGE)
        return True


class Authenticated:
    """Lets nobody through who is unknown.

    Args:
        app: what is inside.
        tokens: none: the service is open to whoever reaches it, which is this machine alone.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._needed = bool(tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._needed and not _let_in(scope):
            raise Problem(
                "unauthenticated", 401, "send Authorization: Bearer TOKEN, or sign in with a browser", headers=CHALLENGE
            )
        await self._app(scope, receive, send)


def session_value(headers: Headers) -> str:
    """The value of the session cookie; "" without one."""
    try:
        found = SimpleCookie("; ".join(headers.getlist("cookie"))).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _let_in(scope: Scope) -> bool:
    state = scope["state"]
    return scope["path"] in PUBLIC or state["bearer"] or state["session"]
