"""The pages by HTTP: status, headers, escaping, and what is said about errors."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.api.support import AppClient, app_client, settings_for
from tests.pages.serving import HOSTILE

PAGES = ["/", "/new", "/searches/done", "/searches/hostile", "/searches/failed", "/searches/paused", "/compare"]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Markup(HTMLParser):
    """Every element of a page with its attributes, and all of its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of one kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def page(pages: AppClient, path: str, status: int = 200) -> Markup:
    answer = pages.get(path, headers=BROWSER)
    assert answer.status_code == status, answer.text[:2000]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Markup(answer.text)


@pytest.mark.parametrize("path", [*PAGES, "/compare?ids=done,hostile", "/?state=failed", "/nowhere"])
def test_the_content_policy_allows_no_inline_code(pages: AppClient, path: str) -> None:
    policy = pages.get(path, headers=BROWSER).headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "http" not in policy


@pytest.mark.parametrize("path", [*PAGES, "/compare?ids=done,hostile"])
def test_pages_hold_no_inline_code_and_no_foreign_address(pages: AppClient, path: str) -> None:
    markup = page(pages, path)
    assert all(script.get("src", "").startswith("/static/") for script in markup.all("script"))
    assert markup.all("style") == []
    for tag, attributes in markup.elements:
        assert "style" not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href", "action"):
            value = attributes.get(name) or ""
            assert not re.match(r"(https?:)?//|javascript:", value), (tag, value)


@pytest.mark.parametrize("path", [*PAGES, "/compare?ids=done,hostile"])
def test_everything_a_page_links_is_there(pages: AppClient, path: str) -> None:
    markup = page(pages, path)
    links = {str(one.get("src")) for one in markup.all("script")}
    links |= {str(one["href"]) for one in markup.all("link") if one.get("rel") == "stylesheet"}
    links |= {str(one["href"]).partition("#")[0] for one in markup.all("a")}
    links = {link for link in links if link.startswith("/")}
    assert len(links) > 7
    # a bundle of an invented target cannot be written, so its report is another matter
    answers = {link: pages.get(link).status_code for link in links if not link.endswith("report.html")}
    assert set(answers.values()) == {200}, answers


@pytest.mark.parametrize("path", ["/", "/searches/hostile", "/searches/failed", "/compare?ids=hostile,done"])
def test_hostile_names_are_shown_as_they_are_and_are_never_markup(pages: AppClient, path: str) -> None:
    markup = page(pages, path)
    assert HOSTILE in "".join(markup.words)
    assert markup.all("img") == [] and "49" not in "".join(markup.words).replace("0.49", "").split()


@pytest.mark.parametrize("name", ["target", "label", "state", "page_token"])
def test_hostile_filters_are_escaped_or_refused(pages: AppClient, name: str) -> None:
    answer = pages.get("/", params={name: HOSTILE}, headers=BROWSER)
    assert answer.status_code in (200, 400)
    assert Markup(answer.text).all("img") == []


def test_the_list_shows_states_answers_and_labels(pages: AppClient) -> None:
    text = " ".join("".join(page(pages, "/").words).split())
    assert "a good one" in text and "team: vision" in text
    assert "Succeeded" in text and "Failed" in text and "Paused" in text
    assert re.search(r"\d\d\.\d box mAP at \d\d\.\d ms, \d+ % faster than dense", text)


def test_filters_leave_what_fits(pages: AppClient) -> None:
    def shown(**filters: str) -> list[str | None]:
        answer = pages.get("/", params={**filters, "part": "list"}, headers=BROWSER)
        return [one.get("value") for one in Markup(answer.text).all("input") if one.get("name") == "ids"]

    assert len(shown()) == 4
    assert shown(state="failed") == ["failed"]
    assert shown(label="team: vision") == ["done"] == shown(label="team=vision")
    assert shown(target="digits-sparsevit") == []


def test_filters_that_nothing_fits_say_so(pages: AppClient) -> None:
    text = "".join(page(pages, "/?target=nothing-like-it").words)
    assert "No search fits these filters" in text


def test_the_empty_list_teaches_the_first_search(tmp_path: Path) -> None:
    with app_client(settings_for(tmp_path)) as empty:
        markup = page(empty, "/")
    text = "".join(markup.words)
    assert "No searches yet" in text and "curl -X POST http://127.0.0.1:8777/v1/searches" in text
    assert [one for one in markup.all("a") if one["href"] == "/new" and one.get("class") == "button primary"]


def test_a_search_page_offers_what_its_state_allows(pages: AppClient) -> None:
    def actions(id: str) -> list[str | None]:
        return [one["data-action"] for one in page(pages, f"/searches/{id}").all("button") if "data-action" in one]

    assert actions("done") == ["delete"]
    assert actions("failed") == ["resume", "delete"]
    assert actions("paused") == ["resume", "stop", "cancel"]


def test_parts_of_a_search_page_are_pieces_of_it(pages: AppClient) -> None:
    whole = pages.get("/searches/done", headers=BROWSER).text
    for part in ("live", "trials"):
        piece = pages.get(f"/searches/done?part={part}", headers=BROWSER).text
        assert piece.strip() in whole and "<html" not in piece


def test_trials_are_paged_and_filtered(pages: AppClient) -> None:
    first = page(pages, "/searches/done?part=trials")
    rows = [one for one in first.all("th") if one.get("scope") == "row"]
    token = next(one["data-trials"] for one in first.all("a") if one.get("data-trials"))
    second = pages.get("/searches/done", params={"part": "trials", "page_token": str(token)}, headers=BROWSER)
    more = [one for one in Markup(second.text).all("th") if one.get("scope") == "row"]
    assert (len(rows), len(more)) == (20, 4)
    assert "No trials of that kind" in "".join(page(pages, "/searches/done?part=trials&trials=failed").words)


def test_a_token_of_another_list_is_refused_with_a_page(pages: AppClient) -> None:
    text = "".join(page(pages, "/?page_token=abcd", 400).words)
    assert "page token" in text


@pytest.mark.parametrize(
    "path", ["/searches/nowhere", "/nowhere", "/searches", "/searches/..%2f..%2fetc", "/static/x/y"]
)
def test_a_browser_gets_a_page_for_what_is_not_there(pages: AppClient, path: str) -> None:
    markup = page(pages, path, 404)
    assert "All searches" in "".join(markup.words)


def test_a_program_gets_a_problem_for_what_is_not_there(pages: AppClient) -> None:
    for path, accept in (("/searches/nowhere", "application/json"), ("/v1/searches/nowhere", BROWSER["Accept"])):
        answer = pages.get(path, headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_comparing_says_what_is_missing_and_what_is_left_out(pages: AppClient) -> None:
    text = "".join(page(pages, "/compare?ids=done&ids=nowhere,hostile").words)
    assert "There is no search nowhere" in text
    many = "".join(page(pages, "/compare?ids=done,failed,hostile,paused,a,b,c,d").words)
    assert "2 more were asked for" in many


def test_the_form_knows_every_target_with_its_defaults(pages: AppClient) -> None:
    options = [one for one in page(pages, "/new").all("option") if "data-batch" in one]
    known = pages.get("/v1/targets").json()["items"]
    assert [one["value"] for one in options] == [one["name"] for one in known]
    assert len(options) >= 2


@pytest.mark.parametrize("path", PAGES)
def test_ids_of_a_page_are_unique_and_labels_point_at_fields(pages: AppClient, path: str) -> None:
    markup = page(pages, path)
    ids = [attributes["id"] for _, attributes in markup.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {one["for"] for one in markup.all("label") if one.get("for")} <= set(ids)
