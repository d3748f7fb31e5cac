"""Request bodies: capped while they stream, cut when they fall silent, of the declared kind; JSON is parsed strictly.

One middleware for all routes, so that none can forget it. A JSON body is read and checked here and then handed on; the
body of an upload path streams through.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem
from api.security import strict_json
from api.security.origins import SAFE

_CLOSE = {"Connection": "close"}
"""Whoever still sends must not have the rest taken for the next request."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A path that takes bytes instead of JSON.

    Args:
        cap: most bytes.
        types: content types.
    """

    cap: int
    types: frozenset[str]


class Bodies:
    """Checks bodies.

    Args:
        app: what is inside.
        cap: bytes of a JSON body.
        silence_s: seconds without a byte after which a body is cut.
        uploads: paths that take bytes by POST.
    """

    def __init__(self, app: ASGIApp, cap: int, silence_s: float, uploads: Mapping[str, Upload]) -> None:
        self._app = app
        self._cap = cap
        self._silence_s = silence_s
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        upload = self._uploads.get(scope["path"]) if scope["method"] == "POST" else None
        cap = self._cap if upload is None else upload.cap
        _check_head(headers, cap)
        if upload is not None:
            _check_type(headers, upload.types)
            await self._app(scope, capped(receive, cap, self._silence_s), send)
        elif scope["method"] in SAFE:
            await self._app(scope, capped(receive, cap, self._silence_s, patient=True), send)
        else:
            body = await read(receive, cap, self._silence_s)
            if body:
                _check_type(headers, frozenset({"application/json"}))
                try:
                    strict_json.parse(body)
                except strict_json.JsonError as error:
                    raise Problem("invalid-request", 400, f"the body is not valid JSON: {error}") from None
            await self._app(scope, _replay(body, receive), send)


async def read(receive: Receive, cap: int, silence_s: float) -> bytes:
    """A whole small body.

    Raises:
        Problem: 413 too large, or 408: silent for `silence_s`, or not complete after twice that.
        ClientDisconnect: the client has gone.
    """
    deadline = time.monotonic() + 2 * silence_s
    take = capped(receive, cap, silence_s)
    parts, more = [], True
    while more:
        message = await take()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        if more and time.monotonic() > deadline:
            raise _too_slow(2 * silence_s)
    return b"".join(parts)


def capped(receive: Receive, cap: int, silence_s: float, *, patient: bool = False) -> Receive:
    """A `receive` that counts bytes and, unless patient, does not wait for ever while the body is not complete."""
    taken, done = 0, False

    async def take() -> Message:
        nonlocal taken, done
        if done or patient:
            message = await receive()
        else:
            try:
                message = await asyncio.wait_for(receive(), silence_s)
            except TimeoutError:
                raise _too_slow(silence_s) from None
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if taken > cap:
                raise _too_large(cap)
        return message

    return take


def _check_head(headers: Headers, cap: int) -> None:
    lengths = headers.getlist("content-length")
    if len(lengths) > 1 or any(not (length.isascii() and length.isdecimal()) for length in lengths):
        raise Problem("invalid-request", 400, "Content-Length must be one whole number", headers=_CLOSE)
    if lengths and (len(lengths[0]) > 20 or int(lengths[0]) > cap):
        raise _too_large(cap)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem(
            "unsupported-media",
            415,
            f"Content-Encoding {encoding[:40]!r} is not taken; send the body as it is",
            headers=_CLOSE,
        )


def _check_type(headers: Headers, types: frozenset[str]) -> None:
    kind, _, parameters = headers.get("content-type", "").partition(";")
    known = ", ".join(sorted(types))
    if kind.strip().lower() not in types:
        raise Problem(
            "unsupported-media",
            415,
            f"Content-Type {kind.strip()[:60]!r} is not taken here; send {known}",
            headers={**_CLOSE, "Accept": known},
        )
    charset = parameters.strip().lower().replace('"', "").replace(" ", "")
    if charset.startswith("charset=") and charset not in ("charset=utf-8", "charset=utf8"):
        raise Problem("unsupported-media", 415, f"{parameters.strip()[:40]!r} is not taken; send UTF-8", headers=_CLOSE)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def take() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return take


def _too_large(cap: int) -> Problem:
    return Problem("too-large", 413, f"the body is larger than {cap:,} bytes, the most this path takes", headers=_CLOSE)


def _too_slow(seconds: float) -> Problem:
    return Problem("timeout", 408, f"the body was not complete after {seconds:g} s of waiting", headers=_CLOSE)
