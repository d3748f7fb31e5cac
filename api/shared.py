"""What the routes of searches share in one app: views, hub, page tokens, keys in flight, the maker of bundles."""

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from api.exporter import Exporter
from api.files import Digests
from api.idempotency import InFlight
from api.page_tokens import PageTokens, key_of
from api.state import Service
from api.stream.hub import Hub
from api.views.reading import Reader
from search.digests import Digests as TargetDigests
from search.store.store import Store


@dataclass
class Shared:
    """The shared objects of an app's routes, at `request.app.state.shared`.

    Args:
        service: of the app.
    """

    service: Service
    reader: Reader = field(default_factory=Reader)
    in_flight: InFlight = field(default_factory=InFlight)
    digests: Digests = field(default_factory=Digests)
    targets: TargetDigests = field(default_factory=TargetDigests)

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            NotReady: the service is starting or going down.
        """
        return self.service.dispatcher.store

    @cached_property
    def hub(self) -> Hub:
        """News of searches."""
        return Hub(lambda: self.store, self.service.dispatcher.listen, self.service.stopping)

    @cached_property
    def page_tokens(self) -> PageTokens:
        """Signed with the key of the home."""
        return PageTokens(key_of(self.service.settings.home))

    @cached_property
    def exporter(self) -> Exporter:
        """Makes bundles."""
        observe = self.service.metrics.export_seconds.labels("bundle").observe
        return Exporter(self.service.dispatcher, self.service.settings.location, observe)


_LOCK = threading.Lock()


def shared_of(request: Request) -> Shared:
    """The shared objects of the app that got a request, made with its first one."""
    state = request.app.state
    with _LOCK:
        shared: Shared | None = getattr(state, "shared", None)
        if shared is None:
            shared = state.shared = Shared(state.service)
        return shared


SharedDep = Annotated[Shared, Depends(shared_of)]
