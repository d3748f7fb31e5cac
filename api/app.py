"""The app: routes inside, a wall of small middlewares around them, the dispatcher's life tied to the server's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from api import failures, openapi, uploads
from api.access import Access
from api.metrics import Metrics
from api.pages import routes as pages
from api.routes import (
    actions,
    catalogue,
    checkpoints,
    downloads,
    events,
    front,
    health,
    reports,
    searches,
    trials,
)
from api.security.authentication import Authenticated, Identity
from api.security.bodies import Bodies, Upload
from api.security.headers import SecurityHeaders
from api.security.hosts import HostGuard
from api.security.limits import Limits
from api.security.origins import OriginGuard
from api.security.sessions import Sessions
from api.security.signin import SignIn
from api.security.streams import Streams
from api.security.tokens import Tokens
from api.settings import Settings
from api.state import Service
from api.version import version
from search.home import Home

if TYPE_CHECKING:
    from search.dispatch import Dispatcher

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    catalogue.router,
    checkpoints.router,
    searches.router,
    actions.router,
    events.router,
    trials.router,
    front.router,
    downloads.router,
    reports.router,
    pages.router,
)
"""Every group of routes; a new one costs its import and a place here."""

GRACE_S = 2.0
"""For running searches to be handed back when the service goes down."""


def create_app(settings: Settings, dispatcher: "Dispatcher | None" = None) -> FastAPI:
    """The app.

    Args:
        settings: how it runs.
        dispatcher: a started one, which stays the caller's to close; None: the app makes, starts and closes its own.
    """
    own = dispatcher is None
    service = Service(
        settings,
        make_dispatcher(settings) if dispatcher is None else dispatcher,
        Streams(settings.streams_per_client, settings.streams),
        Metrics(),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if own:
            await asyncio.to_thread(service.dispatcher.start)
        await asyncio.to_thread(uploads.tidy, Home(settings.home).checkpoints)
        sampler = asyncio.create_task(service.metrics.watch_loop())
        try:
            yield
        finally:
            service.stopping.set()
            sampler.cancel()
            if own:
                await asyncio.to_thread(service.dispatcher.close, GRACE_S)

    app = FastAPI(
        title="SparSearch",
        summary="Which per-stage sparsity gives a vision transformer its best accuracy inside a latency budget?",
        version=version(),
        lifespan=lifespan,
        middleware=_wall(settings, service.metrics),
        # the interactive pages load scripts from elsewhere; the document itself is all that tools need
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    failures.install(app)
    openapi.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app


def make_dispatcher(settings: Settings) -> "Dispatcher":
    """The dispatcher that settings ask for, not started."""
    from search.dispatch import Dispatcher

    return Dispatcher(settings.location, Home(settings.home), queue_cap=settings.queue_cap, running=settings.running)


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop; returns the exit code. See `api.server`."""
    from api.server import run

    return run(settings)


def _wall(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """The middlewares, outermost first."""
    tokens, sessions = Tokens(settings.tokens()), Sessions(settings.session_s)
    paths = {checkpoints.PATH: Upload(settings.checkpoint_cap_bytes, checkpoints.TYPES)}
    return [
        Middleware(SecurityHeaders),
        Middleware(Access, metrics),
        Middleware(Limits),
        Middleware(HostGuard, settings.host, settings.allowed_hosts),
        Middleware(Identity, tokens, sessions),
        Middleware(OriginGuard),
        Middleware(SignIn, tokens, sessions, settings.body_silence_s),
        Middleware(Authenticated, tokens),
        Middleware(Bodies, settings.body_cap, settings.body_silence_s, paths),
    ]
