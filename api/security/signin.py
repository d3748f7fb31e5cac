"""Signing in with a browser: `POST /session` turns a token into a cookie, `DELETE /session` ends that.

It stands before the routes, because whoever comes here is still unknown. A browser without a session gets the page
that asks for the token, whatever it wanted to see.
"""

import base64
import hashlib
import html
import json
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem
from api.security import strict_json
from api.security.authentication import CHALLENGE, PUBLIC, session_value
from api.security.bodies import read
from api.security.sessions import Sessions
from api.security.tokens import Tokens

PATH = "/session"
_CAP = 4096
_FORM = "application/x-www-form-urlencoded"

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:15vh auto;padding:0 1rem}"
    "body{color:#1c2024;background:#fff}"
    "input,button{font:inherit;padding:.5rem .7rem;border:1px solid #60646c;border-radius:6px}"
    "input{width:100%;box-sizing:border-box;margin:.3rem 0 1rem}"
    "button{background:#1c5fb8;color:#fff;border-color:#1c5fb8}"
    "p[role=alert]{color:#b42318}"
    "@media(prefers-color-scheme:dark){body{color:#edeef0;background:#111113}}"
)
_POLICY = (
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · SparSearch</title><style>{style}</style></head>
<body><main><h1>SparSearch</h1>{note}
<form method="post" action="/session">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input name="next" type="hidden" value="{next}">
<button>Sign in</button>
</form>
<p>Whoever started the service chose the token.</p></main></body></html>
"""


class SignIn:
    """Answers `/session`, and shows the sign-in page to browsers that are unknown.

    Args:
        app: what is inside.
        tokens: those that open the service.
        sessions: gets the new ones.
        silence_s: seconds that a body may stay silent.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, sessions: Sessions, silence_s: float) -> None:
        self._app = app
        self._tokens = tokens
        self._sessions = sessions
        self._silence_s = silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == PATH:
            await (await self._session(scope, receive))(scope, receive, send)
        elif self._tokens and _is_unknown_browser(scope):
            await _page(_here(scope), "")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _session(self, scope: Scope, receive: Receive) -> Response:
        headers = Headers(scope=scope)
        secure = scope.get("scheme") == "https"
        if scope["method"] == "DELETE":
            self._sessions.close(session_value(headers))
            return Response(status_code=204, headers={"Set-Cookie": self._sessions.cookie("", secure=secure)})
        if scope["method"] != "POST":
            raise Problem("method-not-allowed", 405, f"{PATH} takes POST and DELETE", headers={"Allow": "DELETE, POST"})
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await read(receive, _CAP, self._silence_s)
        token, goal = _form(body) if kind == _FORM else (_json(body, kind), None)
        if self._tokens and not scope["state"]["bearer"] and not self._tokens.accept(token):
            if goal is not None:
                return _page(goal, '<p role="alert">This token does not open the service.</p>')
            raise Problem("unauthenticated", 401, "this token does not open the service", headers=CHALLENGE)
        cookie = {"Set-Cookie": self._sessions.cookie(self._sessions.open(), secure=secure)}
        return Response(status_code=204, headers=cookie) if goal is None else RedirectResponse(goal, 303, cookie)


def _form(body: bytes) -> tuple[str, str]:
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=4)
    except ValueError:
        raise Problem("invalid-request", 400, "the form is malformed") from None
    return fields.get("token", [""])[0].strip(), _inside(fields.get("next", ["/"])[0])


def _json(body: bytes, kind: str) -> str:
    if not body:
        return ""
    if kind != "application/json":
        raise Problem("unsupported-media", 415, f'send application/json such as {{"token": "..."}}, not {kind[:60]!r}')
    try:
        value = strict_json.parse(body)
    except strict_json.JsonError as error:
        raise Problem("invalid-request", 400, f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict) or set(value) != {"token"} or not isinstance(value["token"], str):
        raise Problem("invalid-request", 422, f"the body must be {json.dumps({'token': '...'})}")
    return str(value["token"])


def _inside(goal: str) -> str:
    """A path of this service; "/" for whatever could lead elsewhere."""
    leads_out = not goal.startswith("/") or goal[1:2] in ("/", "\\") or not goal.isprintable() or not goal.isascii()
    return "/" if leads_out or len(goal) > 2000 else goal


def _is_unknown_browser(scope: Scope) -> bool:
    state = scope["state"]
    if state["bearer"] or state["session"] or scope["path"] in PUBLIC or scope["method"] not in ("GET", "HEAD"):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def _here(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return _inside(scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""))


def _page(goal: str, note: str) -> Response:
    content = _PAGE.format(style=_STYLE, note=note, next=html.escape(goal, quote=True))
    return HTMLResponse(content, 401, {**CHALLENGE, "Content-Security-Policy": _POLICY})
