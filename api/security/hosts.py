"""Which names the service answers to: a page of another name that resolves to this machine must get nothing."""

from collections.abc import Iterable
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem
from api.settings import LOOPBACK_NAMES

_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})


class HostGuard:
    """Refuses requests whose Host header names another host.

    Args:
        app: what is inside.
        bound: the address the service listens on.
        allowed: further names, lower case.
    """

    def __init__(self, app: ASGIApp, bound: str, allowed: Iterable[str]) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | frozenset(allowed) | (frozenset({bound.lower()}) - _EVERYWHERE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._check(scope)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        sent = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(sent) != 1:
            raise Problem("invalid-request", 400, f"one Host header is needed; {len(sent)} came")
        name = host_name(sent[0].decode("latin-1"))
        # the address this very connection came in by needs no listing: no DNS name can stand for it
        local = (scope.get("server") or ("",))[0]
        if name in self._names or (name and name == local and _is_address(name)):
            return
        raise Problem(
            "invalid-request",
            400,
            f"the Host {name[:100]!r} is not one this service answers to; its operator can add it to "
            "SPARSEARCH_ALLOWED_HOSTS",
        )


def host_name(host: str) -> str:
    """The name in a Host header, without the port and the brackets, lower case; "" when it is malformed."""
    host = host.strip().lower()
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        good = closed and (not rest or (rest[0] == ":" and rest[1:].isdecimal()))
        return name if good else ""
    name, colon, port = host.partition(":")
    return name if not colon or port.isdecimal() else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
