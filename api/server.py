"""Running the app under uvicorn: one process, a socket opened before anything else, an orderly and bounded end."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from api import logs
from api.app import GRACE_S, create_app, make_dispatcher
from api.floors import check_floors
from api.protocol import Protocol
from api.settings import Settings
from search.errors import SearchError

DRAIN_S = 2
"""For open answers to end after the streams were told."""

LAST_RESORT_S = 4.7
"""After so long the process ends whatever still runs: nothing that was acknowledged is lost by that."""

_LOG = structlog.get_logger("sparsearch.server")
_SECRETS = ("SPARSEARCH_TOKEN", "SPARSEARCH_DATABASE")
"""Variables that have been read by then; runners and whatever they start inherit the others."""

_HEADER_BYTES = 64 * 1024


class PortError(SearchError):
    """The address cannot be listened on; the message says what to do."""


class Server(uvicorn.Server):
    """A server that tells the app about the end before it waits for open answers, and then ends with code 0.

    Args:
        config: of uvicorn.
        stopping: set first.
        ready: called once it accepts connections.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._ready = ready
        self._main: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        self._main = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came; uvicorn's own handler would raise it again at the end and spoil the exit code."""
        if self.should_exit:
            self.force_exit = True
            return
        timer = threading.Timer(LAST_RESORT_S, os._exit, (0,))
        timer.daemon = True
        timer.start()
        if self._main is not None:
            self._main.call_soon_threadsafe(self._stopping.set)
        self.should_exit = True


def run(settings: Settings, announce: Callable[[str], None] = print) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Args:
        settings: how.
        announce: gets the address once the service accepts requests.
    Raises:
        SettingsError: it must not listen like this.
        PortError: the address is in use, or is not of this machine.
        StoreError: the database cannot be used.
    """
    settings.check()
    for name in _SECRETS:
        os.environ.pop(name, None)
    with contextlib.closing(listen(settings.host, settings.port)) as opened:
        logs.configure(settings.log_format, settings.tokens())
        check_floors()
        dispatcher = make_dispatcher(settings)
        dispatcher.start()
        try:
            return _serve(create_app(settings, dispatcher), settings, opened, announce)
        finally:
            dispatcher.close(GRACE_S)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortError: it cannot be had.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # with the protocol named: only then does asyncio turn off Nagle's delay, which costs 40 ms an answer
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(2048)
        except BaseException:
            opened.close()
            raise
    except (OSError, OverflowError) as error:
        raise PortError(
            f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}. "
            "Is the service running already? Choose another port with --port (0: any free one)"
        ) from None
    return opened


def address_of(opened: socket.socket) -> str:
    """The URL at which a browser on this machine finds a socket."""
    host, port = opened.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


def _serve(app: FastAPI, settings: Settings, opened: socket.socket, announce: Callable[[str], None]) -> int:
    address = address_of(opened)

    def ready() -> None:
        _LOG.info("ready", address=address, home=str(settings.home))
        announce(address)

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        reset_contextvars=True,
    )
    server = Server(config, app.state.service.stopping, ready)
    try:
        server.run(sockets=[opened])
    except SystemExit as end:
        return int(end.code or 0)
    _LOG.info("stopped")
    return 0
