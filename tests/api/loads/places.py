"""Services that loads are tried on."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.home import Home
from search.store import Store
from tests import postgres
from tests.api.faults.support import add_target
from tests.api.loads.large import SEARCHES, TRIALS
from tests.api.support import LiveServer, live_server
from tests.search.store.filling import fill

MANY_STREAMS = {"SPARSEARCH_STREAMS_PER_CLIENT": "100"}
"""All clients of these tests have one address."""

STEADY_S = 0.2
"""An evaluation: five trials and ten events a second."""


@dataclass(frozen=True, slots=True)
class Large:
    """A service over a large store, and its largest search."""

    server: LiveServer
    largest: str


@contextmanager
def slow_home(home: Path) -> Iterator[LiveServer]:
    """A service with the target `steady`, and room for many streams."""
    add_target(home, "steady", delay_s=STEADY_S)
    with live_server(home, environment=MANY_STREAMS) as server:
        yield server


@contextmanager
def large_store(home: Path) -> Iterator[Large]:
    """A service over a thousand searches, one with a hundred thousand trials; none of them waits."""
    with Store.open(Home(home).database) as store:
        largest = fill(store, searches=SEARCHES, trials=TRIALS, queued=False)
    with slow_home(home) as server:
        yield Large(server, largest)


@contextmanager
def postgres_location() -> Iterator[str | None]:
    """A new database on a PostgreSQL server of its own; None: it is not installed.

    The server does not wait for the disk (`fsync=off`), as in all tests.
    """
    with ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="sparsearch-pg-"))
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            server = postgres.Server(folder)
        except AssertionError as error:
            print(f"    {error}")
            yield None
            return
        ends.callback(server.stop)
        server.start()
        yield server.create()
