"""One real service over a home with searches in it, shared by all bad inputs: none of them may change it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.bad_inputs import stock
from tests.api.bad_inputs.judging import Witness
from tests.api.bad_inputs.stock import Stock
from tests.api.bad_inputs.wire import exchange, request
from tests.api.support import LiveServer, live_server

SILENCE_S = 1.5
"""After which a body counts as given up; 30 s in service."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """The service under attack.

    Args:
        server: the process.
        stock: what is stored there.
        witness: of its home.
    """

    server: LiveServer
    stock: Stock
    witness: Witness

    @property
    def home(self) -> Path:
        """Its state home."""
        return self.server.home


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    home = tmp_path_factory.mktemp("attacked") / "home"
    found = stock.copy(stock.shared(tmp_path_factory), home)
    with live_server(home, environment={"SPARSEARCH_BODY_SILENCE_S": str(SILENCE_S)}) as server:
        # what is made at the first use is made now: the key of page tokens, caches of the digests
        exchange(server.port, request("GET", b"/v1/searches?page_size=1"))
        exchange(server.port, request("GET", f"/v1/searches/{found.done}/front/{found.point}/bundle.zip".encode()))
        witness = Witness(home)
        yield Attacked(server, found, witness)
        witness.close()
        text = exchange(server.port, request("GET", b"/metrics")).body.decode()
        log = server.text()
    assert server_errors(text) == {}, log[-4000:]
    assert "Traceback" not in log, log[log.index("Traceback") - 2000 :][:6000]
    assert "unforeseen" not in log


def server_errors(page: str) -> dict[tuple[str, str], float]:
    """Answers of 500 and above by route and status, from the service's own metrics."""
    found = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "sparsearch_request_seconds_count" and sample.labels["status"] >= "500":
                found[sample.labels["route"], sample.labels["status"]] = sample.value
    return found
