"""What one running app shares between its routes."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from api.metrics import Metrics
from api.security.streams import Streams
from api.settings import Settings

if TYPE_CHECKING:
    from search.dispatch import Dispatcher


UPLOADS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Service:
    """The shared objects of an app, at `request.app.state.service`.

    Args:
        settings: how the service runs.
        dispatcher: the hub to searches and store.
        streams: open event streams.
        metrics: counters and gauges.
        stopping: set when the service begins to go down, before the server waits for streams and long polls: whoever
            keeps an answer open says good-bye and ends it then.
        uploads: taken while a checkpoint is being received.
    """

    settings: Settings
    dispatcher: "Dispatcher"
    streams: Streams
    metrics: Metrics
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    uploads: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(UPLOADS_AT_ONCE))


def service_of(request: Request) -> Service:
    """The service of the app that got a request."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
