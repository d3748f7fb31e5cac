"""A service with searches in it, a browser, and pages that are watched for every complaint."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.api.support import AppClient, LiveServer, app_client, live_server, settings_for
from tests.pages import made
from tests.pages.browsing import Watched, chromium
from tests.pages.serving import HOSTILE, TARGETS, finished_search

COUNT = 24


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """The app in this process, over a home in which searches have ended."""
    home = tmp_path_factory.mktemp("pages") / "home"
    with made.store(home / "sparsearch.db") as store:
        made.add(store, "done", [*made.events(COUNT), made.ending(COUNT)], name="a good one", labels={"team": "vision"})
        made.add(store, "hostile", [*made.events(4), made.ending(4)], name=HOSTILE, labels={"note": HOSTILE})
        made.add(store, "failed", made.events(3))
        made.end(store, "failed", "failed", HOSTILE)
        made.add(store, "paused", made.events(3))
        made.end(store, "paused", "paused", "")
    # answers inside a process are handed on as they are, so they must come unpacked
    with app_client(settings_for(home), headers={"Accept-Encoding": "identity"}) as client:
        yield client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real `sparsearch serve`."""
    home = tmp_path_factory.mktemp("serve") / "home"
    home.mkdir()
    (home / "targets.toml").write_text(TARGETS)
    with live_server(home) as running:
        yield running


@pytest.fixture(scope="session")
def finished(server: LiveServer) -> str:
    """The id of a search that has succeeded on that server."""
    return finished_search(server.client, name="front door camera", labels={"team": "vision"})


@pytest.fixture(scope="package")  # its event loop is the thread's; nothing else could run one
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def watched(browser: Browser, server: LiveServer, tmp_path: Path) -> Iterator[Watched]:
    """A fresh tab on the server; whatever it complained about fails the test."""
    with Watched(browser, server.url) as tab:
        yield tab
    assert tab.complaints == []
