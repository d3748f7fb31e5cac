"""Every path that an app answers, routers and mounts included, with something in place of each parameter."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
"""A well-formed id of no search."""

_FILLED = {"search_id": ID, "id": ID, "point": "0123456789ab", "number": "0", "n": "0", "name": "front"}
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path and what it takes.

    Args:
        template: as the route declares it, with the prefixes of its mounts.
        methods: empty: all that the mounted app takes.
        websocket: whether it is one.
    """

    template: str
    methods: frozenset[str]
    websocket: bool = False

    @property
    def path(self) -> str:
        """The template with every parameter filled in."""
        return _PARAMETER.sub(lambda found: _FILLED.get(found[1], "x"), self.template)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its path parameters."""
        return tuple(_PARAMETER.findall(self.template))


def endpoints(app: FastAPI) -> list[Endpoint]:
    """All endpoints of an app, each template once."""
    found: dict[tuple[str, bool], frozenset[str]] = {}
    for endpoint in _walk(app.routes, ""):
        key = endpoint.template, endpoint.websocket
        found[key] = found.get(key, frozenset()) | endpoint.methods
    return [Endpoint(template, methods, websocket) for (template, websocket), methods in sorted(found.items())]


def _walk(routes: Sequence[BaseRoute], prefix: str) -> Iterator[Endpoint]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, Mount | Host):
            inside = f"{prefix}{getattr(route, 'path', '')}"
            yield Endpoint(f"{inside}/{{path}}", frozenset())
            yield from _walk(route.routes or [], inside)
        else:
            assert context.path is not None, f"{route!r} has no path: teach the walk about it"
            yield Endpoint(prefix + context.path, frozenset(context.methods or ()), isinstance(route, WebSocketRoute))
