"""HTTP, and nothing of what is said over it: the one file that knows httpx and httpx-sse.

An answer that is no success becomes a `Problem`, a connection that fails `Unreachable`; callers see no other error.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
from httpx_sse import ServerSentEvent, SSEError, connect_sse

from sparsearch.client.errors import BadAnswer, ClientError, Problem, Unreachable, problem_of

SILENCE_S = 45.0
"""An event stream that says nothing for so long is dead: the service sends a ping every 15 s."""

MAKING_S = 300.0
"""A file may have to be made before its first byte comes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Args:
        status: HTTP status, a success.
        headers: by lower-case name.
        body: as it came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The JSON value.

        Raises:
            BadAnswer: it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            start = self.body[:80].decode(errors="replace")
            raise BadAnswer(f"the answer is not JSON but {start!r}; is this a SparSearch service?") from None


@dataclass(slots=True)
class Download:
    """An answer that is read piece by piece.

    Args:
        headers: by lower-case name.
        pieces: its body.
    """

    headers: Mapping[str, str]
    pieces: Iterator[bytes] = field(repr=False)


class Transport:
    """Connections to one service.

    Args:
        url: where it is, such as http://127.0.0.1:8777; a path in front of the API is kept.
        token: bearer token; None: a service on loopback needs none.
        timeout_s: for connecting, and between two pieces of an answer.
        transport: how to reach it instead of the network, for tests.
    Raises:
        ClientError: the URL is none of http or https.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientError(f"{url!r} is no address of a service; give one such as http://127.0.0.1:8777")
        if parts.username or parts.password:
            raise ClientError("the address must not hold a password; give the token apart from it")
        self.url = url.rstrip("/")
        headers = {"User-Agent": "sparsearch-client"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0))
        # no redirects: they would carry the token to wherever a stranger points
        self._http = httpx.Client(headers=headers, timeout=self._timeout, transport=transport, follow_redirects=False)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | float | bool | None] | None = None,
        body: Any = None,
        content: IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """One request and its whole answer.

        Args:
            method, path: such as "GET", "/v1/searches".
            query: parameters; those that are None are left out.
            body: a JSON value to send.
            content: bytes to send instead.
            headers: more headers.
            timeout_s: instead of the usual one.
        Raises:
            Problem: the service said no.
            Unreachable: the connection failed; the request may have arrived.
        """
        timeout = self._timeout if timeout_s is None else httpx.Timeout(timeout_s, connect=10.0)
        with self._foreseen():
            reply = self._http.request(
                method,
                self.url + path,
                params=_given(query),
                json=body,
                content=content,
                headers=headers,
                timeout=timeout,
            )
        _check(reply)
        return Reply(reply.status_code, dict(reply.headers), reply.content)

    @contextmanager
    def download(self, path: str) -> Iterator[Download]:
        """A file, piece by piece.

        Raises:
            Problem, Unreachable: see `request`; also while it is read.
        """
        timeout = httpx.Timeout(self._timeout.connect, read=MAKING_S)
        with self._foreseen(), self._http.stream("GET", self.url + path, timeout=timeout) as reply:
            if not reply.is_success:
                reply.read()
            _check(reply)
            yield Download(dict(reply.headers), reply.iter_bytes(1 << 20))

    @contextmanager
    def stream(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Iterator[ServerSentEvent] | None]:
        """Server-sent events until the service or the network ends the stream; None when nothing will follow (204).

        Raises:
            Problem, Unreachable: see `request`; also while it is read.
            BadAnswer: the answer is no event stream.
        """
        timeout = httpx.Timeout(self._timeout.connect, read=SILENCE_S)
        url = self.url + path
        with (
            self._foreseen(),
            connect_sse(self._http, "GET", url, params=_given(query), timeout=timeout) as source,
        ):
            if not source.response.is_success:
                source.response.read()
            _check(source.response)
            yield None if source.response.status_code == 204 else source.iter_sse()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _foreseen(self) -> Iterator[None]:
        try:
            yield
        except SSEError as error:
            raise BadAnswer(f"{self.url}: {error}") from None
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self.url} does not answer in time ({type(error).__name__})") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"cannot reach {self.url}: {error or type(error).__name__}") from None


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _check(reply: httpx.Response) -> None:
    if reply.is_success or reply.status_code == 304:
        return
    if reply.is_redirect:
        raise BadAnswer(f"{reply.url} sends on to {reply.headers.get('location')}; give that address instead")
    raise _problem(reply)


def _problem(reply: httpx.Response) -> Problem:
    try:
        document = reply.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {"detail": f"HTTP status {reply.status_code} from {reply.url} without a problem document"}
    return problem_of(reply.status_code, document, _seconds(reply.headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; as a date it is not understood, and not needed by this service."""
    return float(text) if text is not None and text.strip().isdecimal() else None
