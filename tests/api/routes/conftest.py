"""A service with one finished search for all tests that only look at it, and one for tests that change things.

Both run on SQLite and on PostgreSQL.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import make_dispatcher
from search.dispatch import Dispatcher
from search.home import Home
from search.records import TERMINAL
from tests.api.support import AppClient, app_client, settings_for

BODY: dict[str, Any] = {"target": "synthetic-swin-t", "max_ms": 30, "effort": {"evaluations": 8}, "name": "a search"}
STUCK = (sys.executable, "-c", "import time; time.sleep(600)")
"""A runner that says nothing: its search stays in `preparing`."""


def finished(client: AppClient, body: dict[str, Any], patience_s: float = 60.0) -> dict[str, Any]:
    """Ask for a search and wait for its end; returns it."""
    answer = client.post("/v1/searches", json=body)
    assert answer.status_code == 202, answer.text
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(f"/v1/searches/{answer.json()['id']}?wait=10").json()
        if told["state"] in TERMINAL:
            return told
    raise AssertionError(f"not finished in time: {told}")


DATABASES = ("sqlite", "postgresql")


def database_of(request: pytest.FixtureRequest) -> str | None:
    """URL of a new database of the kind that a fixture's parameter names; None: a file of the home."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres_server").create())


@pytest.fixture(scope="session", params=DATABASES)
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """A service whose searches have ended; tests may add others and export, and change nothing."""
    home = tmp_path_factory.mktemp("service") / "home"
    settings = settings_for(home, database=database_of(request))
    dispatcher = make_dispatcher(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSEARCH_HOME", str(home))
        dispatcher.start()
        with app_client(settings, dispatcher) as client:
            client.done = finished(client, BODY)  # type: ignore[attr-defined]  # for the fixture below
            yield client
        dispatcher.close()


@pytest.fixture
def done(reading: AppClient) -> dict[str, Any]:
    """The finished search of `reading`."""
    found: dict[str, Any] = reading.done  # type: ignore[attr-defined]  # set above
    assert found["state"] == "succeeded", found["message"]
    return found


@pytest.fixture
def path(done: dict[str, Any]) -> str:
    """Its path."""
    return str(done["links"]["self"])


@pytest.fixture(params=DATABASES)
def stuck(request: pytest.FixtureRequest, home: Path) -> Iterator[AppClient]:
    """A service whose one running search says nothing; others wait."""
    settings = settings_for(home, queue_cap=4, database=database_of(request))
    dispatcher = Dispatcher(settings.location, Home(home), queue_cap=4, running=1, command=STUCK)
    dispatcher.start()
    with app_client(settings, dispatcher) as client:
        yield client
    dispatcher.close()


def problem(answer: Any, status: int, type: str) -> dict[str, Any]:
    """The problem that an answer is; asserts status, type and the shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"/problems/{type}" and body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"] and "Traceback" not in answer.text
    return body
