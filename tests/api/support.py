"""The service in tests: the app inside this process, or a real `sparsearch serve` on a port of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from api.state import Service

ROOT = Path(__file__).resolve().parents[2]
HOST = "http://127.0.0.1:8777"
START_S = 60.0
"""A busy test machine is slow; a healthy one needs a second."""


class AppClient(httpx.Client):
    """An HTTP client of an app in this process; streams arrive whole, so ask live servers for endless ones."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(**{"base_url": HOST, "transport": _InProcess(app, loop), "timeout": 30.0, **options})
        self.app = app

    @property
    def service(self) -> Service:
        """The shared objects of the app."""
        service: Service = self.app.state.service
        return service


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        # an exception that leaves the app is a bug of the app: the test shall see it
        self._inner = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()

        async def call() -> httpx.Response:
            inner = httpx.Request(request.method, request.url, headers=request.headers, content=body)
            response = await self._inner.handle_async_request(inner)
            content = await response.aread()
            return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(60)


@contextmanager
def app_client(settings: Settings, dispatcher: Any = None, **options: Any) -> Iterator[AppClient]:
    """A client of a new app, whose lifespan surrounds the block.

    Args:
        settings: of the app; give it a `home` of the test.
        dispatcher: a double, or a started one; None: the app makes a real one.
        options: of `httpx.Client`.
    """
    app = create_app(settings, dispatcher)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="app", daemon=True)
    thread.start()
    alive = app.router.lifespan_context(app)

    def run(step: Any) -> None:
        asyncio.run_coroutine_threadsafe(step, loop).result(60)

    try:
        run(alive.__aenter__())
        try:
            with AppClient(app, loop, **options) as client:
                yield client
        finally:
            run(alive.__aexit__(None, None, None))
            run(asyncio.sleep(0.05))  # whoever waits for the end of the service hears of it
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


class LiveServer:
    """A `sparsearch serve` process and a client of it.

    Args:
        home: its SPARSEARCH_HOME.
        arguments: further options of the command.
        environment: further variables.
        token: sent by the client.
    """

    def __init__(
        self,
        home: Path,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        token: str | None = None,
    ) -> None:
        self.home = home
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home.parent / f"{home.name}-serve.log"
        self.arguments = arguments
        self.environment = environment or {}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(base_url=self.url, timeout=30.0, headers=headers)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> "LiveServer":
        """Start the process; unless told otherwise, wait until it is ready.

        Raises:
            AssertionError: it ended, or was not ready in time; shows its log.
        """
        command = [sys.executable, "-m", "sparsearch", "serve", "--port", str(self.port), *self.arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SPARSEARCH_")}
        environment = {**kept, "PYTHONPATH": str(ROOT), "SPARSEARCH_HOME": str(self.home), **self.environment}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.home.parent
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout_s: float = START_S) -> float:
        """Wait for /readyz; returns the seconds it took."""
        assert self.process is not None
        started = time.monotonic()
        while time.monotonic() - started < timeout_s:
            assert self.process.poll() is None, f"serve ended with {self.process.returncode}:\n{self.text()}"
            try:
                if self.client.get("/readyz").status_code == 200:
                    return time.monotonic() - started
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {timeout_s} s:\n{self.text()}")

    def kill(self) -> None:
        """SIGKILL: nothing can be tidied up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def terminate(self, timeout_s: float = 30.0) -> tuple[int, float]:
        """SIGTERM; returns the exit code and the seconds until it came."""
        assert self.process is not None
        started = time.monotonic()
        self.process.terminate()
        code = self.process.wait(timeout_s)
        return code, time.monotonic() - started

    def restart(self) -> float:
        """Start again on the same port and home after `kill` or `terminate`; returns the seconds until ready."""
        started = time.monotonic()
        self.start()
        return time.monotonic() - started

    def text(self) -> str:
        """Everything it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """Its structured log lines."""
        whole = self.text().rpartition("\n")[0]  # the last line may be half written
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def close(self) -> None:
        """End it if it still runs."""
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def live_server(
    home: Path,
    *arguments: str,
    database: str | None = None,
    environment: dict[str, str] | None = None,
    token: str | None = None,
) -> Iterator[LiveServer]:
    """A ready service; ended with the block.

    Args:
        home: a folder of the test.
        arguments: options of `sparsearch serve`.
        database: PostgreSQL URL; None: the SQLite file of the home.
        environment: further variables.
        token: makes the service ask for it, and the client send it.
    """
    home.mkdir(parents=True, exist_ok=True)
    more = ("--database", database) if database else ()
    variables = {**(environment or {}), **({"SPARSEARCH_TOKEN": token} if token else {})}
    server = LiveServer(home, (*arguments, *more), variables, token)
    try:
        yield server.start()
    finally:
        server.close()


def settings_for(home: Path, **values: Any) -> Settings:
    """Settings of a test: nothing comes from the environment but what the test says."""
    return Settings(home=home, **values)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
