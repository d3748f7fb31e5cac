"""The pages in a real browser against a real service: what people do, by mouse and by keyboard alone."""

import re
import time
import zipfile
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, expect

from tests.api.support import LiveServer, live_server
from tests.pages.browsing import WAIT_MS, Watched
from tests.pages.serving import HOSTILE, start_search, wait_for

expect.set_options(timeout=WAIT_MS)


def points(page: Page) -> int:
    """Plans on the front that the page shows."""
    return int(page.locator("#front-canvas").get_attribute("aria-valuemax") or 0)


def slowly(route: Route) -> None:
    """The service does it at once, and the page hears of it seconds later."""
    answer = route.fetch()
    time.sleep(5)
    route.fulfill(response=answer)


def test_a_search_from_the_form_to_the_bundle(watched: Watched, server: LiveServer, tmp_path: Path) -> None:
    page = watched.open("/new")
    page.get_by_label("Target").select_option("slow-swin-t")
    page.get_by_label("Budget in milliseconds", exact=True).fill("30")
    expect(page.locator("#dry")).to_contain_text("Not measured yet")
    page.get_by_label("Quick").check()
    page.get_by_label("Name").fill("from the form")
    page.get_by_label("Labels").fill("team: vision, board: orin")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url(re.compile("/searches/"))

    # it is live: the front grows while the search runs, without a reload
    page.evaluate("window.stayed = true")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#front-canvas")).to_have_attribute("role", "slider")
    early = points(page)
    expect(page.locator("#state-chip")).to_have_text("Succeeded")
    expect(page.locator("#announce")).to_have_text("The search is now succeeded.")
    expect(page.locator("#connection")).to_be_hidden()
    page.wait_for_function(f"document.getElementById('front-canvas').getAttribute('aria-valuemax') > {early}")
    assert page.evaluate("window.stayed") is True
    expect(page.locator(".label", has_text="team: vision")).to_be_visible()

    # pick another point than the chosen one; its bundle is what the API gives
    page.locator("#front-canvas").press("Home")
    expect(page.locator("#front-canvas")).to_have_attribute("aria-valuenow", "1")
    page.locator("#front-canvas").press("ArrowRight")
    expect(page.locator("#front-canvas")).to_have_attribute("aria-valuenow", "2")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download bundle").click()
    target = tmp_path / "bundle.zip"
    waiting.value.save_as(target)
    link = page.get_by_role("link", name="Download bundle").get_attribute("href")
    assert link is not None and target.read_bytes() == server.client.get(link).content
    with zipfile.ZipFile(target) as bundle:
        assert bundle.testzip() is None
        assert any(name.endswith("manifest.json") for name in bundle.namelist())


def test_the_budget_helper_answers_from_the_front(watched: Watched, finished: str) -> None:
    page = watched.open(f"/searches/{finished}")
    page.locator("#front-canvas").press("Home")
    expect(page.locator("#plan-badges")).not_to_contain_text("chosen")
    page.get_by_role("button", name="Show this plan").click()
    expect(page.locator("#plan-badges")).to_contain_text("chosen")
    slider = page.get_by_label("Budget in milliseconds")
    slider.fill("20")
    expect(page.locator("#choose-verdict")).to_contain_text("meets 20 ms")
    page.get_by_role("button", name="Show this plan").click()
    expect(page.locator("#front-canvas")).to_be_focused()
    told = page.locator("#front-canvas").get_attribute("aria-valuetext") or ""
    latency = re.search(r"at ([\d.]+) ms", told)
    assert latency is not None and float(latency[1]) < 20
    page.get_by_label("Near dense").check()
    expect(page.locator("#choose-verdict")).to_contain_text("The fastest plan within 1 box mAP of dense")
    page.get_by_label("Knee").check()
    expect(page.locator("#choose-verdict")).to_contain_text("knee")


def test_every_chart_has_a_sentence_and_a_table(watched: Watched, finished: str) -> None:
    page = watched.open(f"/searches/{finished}")
    for name in ("front", "stages", "latency", "progress", "workers", "parallel"):
        card = page.locator(f"[data-plot={name}]")
        card.scroll_into_view_if_needed()
        expect(page.locator(f"#{name}-summary")).not_to_be_empty()
        expect(page.locator(f"#{name}-none")).to_be_hidden()
        card.get_by_text("Show as a table").click()
        expect(card.locator("tbody tr").first).to_be_visible()


def test_hovering_over_the_front_shows_a_plan(watched: Watched, finished: str) -> None:
    page = watched.open(f"/searches/{finished}")
    canvas = page.locator("#front-canvas")
    expect(canvas).to_have_attribute("role", "slider")
    canvas.press("Home")  # the tip of the keyboard is the tip of the mouse
    expect(canvas.locator(".tip")).to_contain_text("box mAP at")
    expect(canvas.locator(".tip")).to_contain_text("stage0")


def test_errors_of_the_form_stand_beside_their_fields(watched: Watched) -> None:
    page = watched.open("/new")
    page.get_by_role("button", name="Start the search").click()
    expect(page.locator("#max_ms")).to_be_focused()
    expect(page.locator("#max_ms-error")).to_contain_text("Enter a budget")
    page.locator("#max_ms").fill("30")
    page.get_by_text("Device, batch and precision").click()
    page.get_by_label("Batch").fill("0")
    expect(page.locator("#batch")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#batch-error")).not_to_be_empty()
    page.get_by_label("Batch").fill("2")
    expect(page.locator("#batch-error")).to_be_empty()
    page.locator("#max_ms").fill("20")
    page.get_by_label("Not faster than").fill("25")
    expect(page.locator("#min_ms-error")).to_contain_text("below max_ms")
    # the browser itself reports every refused request
    refused = [one for one in watched.complaints if "422" in one]
    watched.complaints[:] = [one for one in watched.complaints if one not in refused]
    assert refused


def test_the_form_offers_a_slider_where_the_range_is_known(watched: Watched, finished: str) -> None:
    page = watched.open("/new?target=synthetic-swin-t&max_ms=30")
    expect(page.locator("#dry")).to_contain_text("30.0 ms can be met")
    page.locator("#max_range").fill("25")
    expect(page.locator("#max_ms")).to_have_value("25")
    expect(page.locator("#dry")).to_contain_text("25.0 ms can be met")


def test_a_planted_script_does_not_run(watched: Watched, server: LiveServer, finished: str) -> None:
    search = start_search(
        server.client, name=HOSTILE, labels={"note": HOSTILE}, effort={"evaluations": 4}, sampler="random"
    )
    for path in ("/", f"/searches/{search}", f"/compare?ids={search},{finished}"):
        page = watched.open(path)
        expect(page.get_by_text("onerror=").first).to_be_visible()
        wait_for(server.client, search, "succeeded")
        page.wait_for_timeout(2500)  # a turn of the live refresh
        assert page.evaluate("document.title") != "owned"
        assert page.locator("img").count() == 0


def test_pause_resume_and_cancel_ask_first(watched: Watched, server: LiveServer) -> None:
    search = start_search(server.client, target="slow-swin-t", effort={"evaluations": 200})
    wait_for(server.client, search, "running")
    page = watched.open(f"/searches/{search}")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog")).to_contain_text("nothing finished is lost")
    page.get_by_role("dialog").get_by_role("button", name="Keep it as it is").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.locator("#state-chip")).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.locator("#state-chip")).to_have_text("Running")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the search").click()
    expect(page.locator("#state-chip")).to_have_text("Cancelled")
    page.route("**/v1/searches/*", slowly)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    page.wait_for_url(re.compile("/$"))
    assert server.client.get(f"/v1/searches/{search}").status_code == 404


def test_the_main_path_by_keyboard_alone(watched: Watched, finished: str) -> None:
    page = watched.open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New search")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/new"))
    _tab_to(page, "#target")
    page.keyboard.type("synthetic")
    _tab_to(page, "#max_ms")
    page.keyboard.type("28")
    _tab_to(page, "#submit")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/searches/"))
    expect(page.locator("#state-chip")).to_have_text("Succeeded")
    expect(page.locator("#get-bundle")).to_be_visible()
    _tab_to(page, "#front-canvas")
    page.keyboard.press("End")
    last = page.locator("#front-canvas").get_attribute("aria-valuemax")
    expect(page.locator("#front-canvas")).to_have_attribute("aria-valuenow", last or "")
    _tab_to(page, "#get-bundle")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".zip")


def test_the_list_follows_its_searches(watched: Watched, server: LiveServer) -> None:
    page = watched.open("/")
    search = start_search(server.client, effort={"evaluations": 4}, sampler="random")
    card = page.locator(f".search:has(#pick-{search})")
    expect(card).to_be_visible()
    expect(card.locator(".chip")).to_have_text("Succeeded")
    card.get_by_role("checkbox").check()
    page.locator(".search input").last.check()
    page.get_by_role("button", name="Compare selected").click()
    page.wait_for_url(re.compile("/compare"))
    expect(page.locator("#overlay-none")).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_a_restarted_service_is_found_again(browser: Browser, tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server:
        search = start_search(server.client, effort={"evaluations": 3000}, sampler="random")
        wait_for(server.client, search, "running")
        with Watched(browser, server.url) as tab:
            page = tab.open(f"/searches/{search}")
            expect(page.locator("#connection")).to_have_text("Live")
            server.terminate()
            expect(page.locator("#connection")).to_have_text("Reconnecting")
            server.restart()
            expect(page.locator("#connection")).to_have_text("Live")
            before = server.client.get(f"/v1/searches/{search}").json()["trials"]["done"]
            deadline = time.monotonic() + 30
            while (shown := _done(page)) <= before:  # not by wait_for_function: the page's policy forbids its eval
                assert time.monotonic() < deadline, f"{shown} trials are shown, {before} were done before the restart"
                page.wait_for_timeout(200)
            assert not [one for one in tab.complaints if not re.search("Failed to load|ERR_CONNECTION|ERR_", one)]


def test_a_browser_without_a_session_signs_in_once(browser: Browser, tmp_path: Path) -> None:
    token = "a-token-of-the-tests-1234"
    with live_server(tmp_path / "home", token=token) as server, Watched(browser, server.url) as tab:
        page = tab.open("/new")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("does not open the service")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="New search")).to_be_visible()
        page.locator("#max_ms").fill("30")
        expect(page.locator("#dry")).to_contain_text("Not measured yet")
        assert [one for one in tab.complaints if "401" not in one] == []


def _done(page: Page) -> int:
    found = re.search(r"(\d+) of", page.locator("#progress-words").text_content() or "")
    return int(found[1]) if found else -1


def _tab_to(page: Page, selector: str, most: int = 60) -> None:
    for _ in range(most):
        if page.evaluate("(selector) => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by {most} presses of Tab")
