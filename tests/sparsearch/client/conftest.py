"""One service with a few finished searches for all tests of this folder, and the command line beside it."""

from collections.abc import Iterator

import pytest

from sparsearch.client import Client, Search
from tests.api.support import LiveServer, live_server

TARGET = "synthetic-swin-t"
QUICK = {"evaluations": 8}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with live_server(tmp_path_factory.mktemp("service") / "home") as server:
        yield server


@pytest.fixture(scope="session")
def client(service: LiveServer) -> Iterator[Client]:
    with Client(service.url) as made:
        yield made


@pytest.fixture(scope="session")
def found(client: Client) -> Search:
    """A search that has succeeded."""
    search = client.search(TARGET, 30, effort=QUICK, name="found", labels={"team": "vision"})
    search = client.wait(search.id, timeout_s=120)
    assert search.state == "succeeded", search.message
    return search
