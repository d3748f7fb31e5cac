"""What axe-core finds on every page, light, dark and on a phone; and that nothing needs sideways scrolling."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.api.support import LiveServer
from tests.pages.browsing import Watched
from tests.pages.serving import start_search, wait_for

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}, "has_touch": True},
}
PAGES = [
    "/",
    "/new",
    "/searches/{finished}",
    "/searches/{infeasible}",
    "/compare?ids={finished},{infeasible}",
    "/nowhere",
]


@pytest.fixture(scope="module")
def infeasible(server: LiveServer) -> str:
    """A search whose budget is out of reach."""
    search = start_search(server.client, max_ms=1)
    wait_for(server.client, search, "infeasible")
    return search


@pytest.fixture(params=LOOKS)
def tab(request: pytest.FixtureRequest, browser: Browser, server: LiveServer) -> Iterator[Watched]:
    with Watched(browser, server.url, **LOOKS[request.param]) as opened:
        yield opened
    assert [one for one in opened.complaints if "404" not in one] == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_serious_faults_or_scrolls_sideways(
    tab: Watched, finished: str, infeasible: str, path: str
) -> None:
    page = tab.open(path.format(finished=finished, infeasible=infeasible))
    if path.startswith("/searches/{fin"):
        expect(page.locator("#front-canvas")).to_have_attribute("role", "slider")
        expect(page.locator("#get-bundle")).to_be_visible()
        for summary in page.locator("details > summary").all():
            summary.click()
    if path == "/new":
        for summary in page.locator("details > summary").all():
            summary.click()
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], one["help"], [node["html"][:160] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_a_serious_fault_would_be_noticed(watched: Watched) -> None:
    page = watched.open("/new")
    page.evaluate("document.getElementById('main').append(document.createElement('button'))")
    assert "button-name" in {one["id"] for one in Axe().run(page).response["violations"]}
