"""What can go wrong between a client and a service; the tree is the order to catch it in.

ClientError
├── Unreachable       nobody answers at the address, or the connection broke for good
├── BadAnswer         what came back is no answer of this service
├── DamagedDownload   a file that does not have the digest it was announced with
├── TimedOut          a search did not end in the time given
└── Problem           the service said no: type, status, detail, request id
    ├── Refused       the request is wrong: it will be refused again
    │   ├── Infeasible    no plan can meet the budget; `floor_ms`
    │   ├── Unauthorised  token missing or wrong, or a foreign origin
    │   ├── NotFound      no such search, point, trial or page
    │   └── Conflict      not in this state; `state`, `allowed`
    ├── Busy          full or not ready: try again after `retry_after_s`
    └── Broken        the service failed; its log has the request id
"""

# ruff: noqa: N818 (as httpx and starlette do: the names say what happened)

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Root of every error this package raises on purpose."""


class Unreachable(ClientError):
    """Nobody answers at the address, or the connection broke and could not be made again."""


class BadAnswer(ClientError):
    """The answer is not one of this service: another server at this address, or a proxy in between."""


class DamagedDownload(ClientError):
    """A file does not have the digest it was announced with; nothing was kept."""


class TimedOut(ClientError):
    """A search did not end in the time given; it goes on."""


class Problem(ClientError):
    """An answer of the service that is no success (RFC 9457).

    Args:
        status: HTTP status.
        document: the problem document; fields that are missing stay empty.
        retry_after_s: seconds that the service asks to wait; None: it says nothing.
    """

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.document = dict(document)
        self.type = str(document.get("type") or "about:blank")
        self.title = str(document.get("title") or "")
        self.detail = str(document.get("detail") or self.title or f"HTTP status {status}")
        self.request_id = document.get("request_id")
        self.retry_after_s = retry_after_s
        super().__init__(self.detail)

    @property
    def kind(self) -> str:
        """The last word of `type`, such as "queue-full"."""
        return self.type.rstrip("/").replace("#", "/").replace(":", "/").rpartition("/")[2]

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """(pointer into the body, what is wrong there) of each field that was refused."""
        listed = self.document.get("errors")
        found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
        return tuple((str(one.get("pointer", "")), str(one.get("detail", ""))) for one in found)

    def __str__(self) -> str:
        fields = "".join(f"; {pointer}: {detail}" for pointer, detail in self.errors if detail not in self.detail)
        request = f" (request {self.request_id})" if self.request_id and self.status >= 500 else ""
        return f"{self.detail}{fields}{request}"


class Refused(Problem):
    """The request is wrong; the same request will be refused again."""


class Infeasible(Refused):
    """No plan can meet the budget."""

    @property
    def floor_ms(self) -> float | None:
        """Latency of the sparsest plan in ms, where it is known."""
        floor = self.document.get("floor_ms")
        return float(floor) if isinstance(floor, int | float) else None


class Unauthorised(Refused):
    """The token is missing or wrong."""


class NotFound(Refused):
    """There is no such search, point, trial or page."""


class Conflict(Refused):
    """The search is not in a state from which this can be done."""

    @property
    def state(self) -> str:
        """The state it is in."""
        return str(self.document.get("state") or "")

    @property
    def allowed(self) -> tuple[str, ...]:
        """The states from which it can be done."""
        listed = self.document.get("allowed")
        return tuple(map(str, listed)) if isinstance(listed, list) else ()


class Busy(Problem):
    """The queue is full, or the service is not ready: the same request may succeed later."""


class Broken(Problem):
    """The service failed; nothing is known about the request."""


def problem_of(status: int, document: Mapping[str, Any], retry_after_s: float | None = None) -> Problem:
    """The error that an answer stands for.

    ==================  =====================
    status              error
    ==================  =====================
    401, 403            Unauthorised
    404                 NotFound
    409                 Conflict, but Busy while a request of the same key is in flight
    422                 Refused, but Infeasible when the type says so
    429, 502, 503, 504  Busy
    other 4xx           Refused
    5xx                 Broken
    ==================  =====================
    """
    plain = Problem(status, document, retry_after_s)
    kind: type[Problem]
    if status in (429, 502, 503, 504) or plain.kind == "idempotency-in-flight":
        kind = Busy
    elif plain.kind == "infeasible-budget":
        kind = Infeasible
    elif status >= 500:
        kind = Broken
    else:
        kind = {401: Unauthorised, 403: Unauthorised, 404: NotFound, 409: Conflict}.get(status, Refused)
    return kind(status, document, retry_after_s)
