"""A service of a script: each request gets the next answer, and is remembered."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from sparsearch.client import Client, Patience
from sparsearch.client.transport import Transport

SEARCH = {
    "id": "s-1",
    "target": "digits-sparsevit",
    "state": "queued",
    "request": {"target": "digits-sparsevit", "max_ms": 12, "stat": "median", "setting": {"device": "cpu"}},
}
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Script(httpx.BaseTransport):
    """Gives answers in their order; an exception is raised, a function is asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


class Pieces(httpx.SyncByteStream):
    """A body that arrives in pieces and may break off."""

    def __init__(self, pieces: list[bytes], broken: bool = False) -> None:
        self._pieces, self._broken = pieces, broken

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._broken:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def client_of(*answers: Answer, total_s: float = 30.0, token: str | None = None) -> tuple[Client, Script, list[float]]:
    """A client of a scripted service, the script, and the pauses it makes instead of sleeping."""
    script, slept = Script(*answers), list[float]()
    patience = Patience(total_s=total_s, sleep=slept.append, jitter=lambda: 1.0)
    transport = Transport("http://service.test/", token, transport=script)
    return Client(transport=transport, patience=patience), script, slept


def told(data: Any, status: int = 200, **headers: str) -> httpx.Response:
    """An answer in JSON."""
    return httpx.Response(status, json=data, headers={name.replace("_", "-"): value for name, value in headers.items()})


def problem(status: int, slug: str, retry_after: int | None = None, **extra: Any) -> httpx.Response:
    """A problem document."""
    body = {
        "type": f"/problems/{slug}",
        "title": slug,
        "status": status,
        "detail": f"about {slug}",
        "request_id": "r-7",
    }
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return httpx.Response(status, content=json.dumps({**body, **extra}).encode(), headers=headers)


def sent(*events: tuple[int, str], extra: str = "") -> bytes:
    """Server-sent events of numbers and names."""
    text = "retry: 2000\n\n" + extra
    for seq, name in events:
        data = {"seq": seq, "at": "2026-11-21T09:00:00Z", "search": "s-1", "name": name}
        text += f"id: {seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n: ping\n\n"
    return text.encode()


def stream(*pieces: bytes, broken: bool = False) -> httpx.Response:
    """An event stream."""
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Pieces(list(pieces), broken))
