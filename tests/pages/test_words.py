"""What the pages say: health cards, warnings before mixing, one-line answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.pages import words
from api.pages.health import health
from api.pages.mixing import warnings
from api.schemas.search import Condition, Device, Latency, Search
from api.views.reading import Reader
from tests.pages import made


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Search]]:
    path: Path = tmp_path_factory.mktemp("words") / "store.db"
    with made.store(path) as store:
        made.add(store, "fresh")
        made.add(store, "going", made.events(8))
        made.add(store, "done", [*made.events(24), made.ending(24)])
        yield {name: Reader().search(store, store.exact(name)) for name in ("fresh", "going", "done")}


def changed(search: Search, **changes: Any) -> Search:
    return search.model_copy(update=changes)


def kinds(search: Search) -> dict[str, str]:
    return {card.title: card.kind for card in health(search)}


def test_nothing_is_fine_before_it_happened(searches: dict[str, Search]) -> None:
    assert set(kinds(searches["fresh"]).values()) == {"open"}


def test_a_budget_between_the_ends_is_within_reach(searches: dict[str, Search]) -> None:
    assert kinds(searches["going"])["Budget within reach"] == "good"


@pytest.mark.parametrize(
    ("floor_high", "state", "title", "kind"),
    [
        (21.0, "running", "Budget within reach", "good"),
        (30.5, "running", "Budget at the edge", "warn"),
        (None, "running", "Budget within reach", "good"),
        (99.0, "infeasible", "Budget out of reach", "bad"),
    ],
)
def test_the_budget_card(
    searches: dict[str, Search], floor_high: float | None, state: str, title: str, kind: str
) -> None:
    floor = Latency(ms=20.0, low_ms=19.0, high_ms=floor_high, measured=True)
    assert kinds(changed(searches["going"], floor=floor, state=state))[title] == kind


@pytest.mark.parametrize(("done", "failed", "kind"), [(0, 0, "open"), (9, 0, "good"), (9, 1, "warn"), (1, 9, "bad")])
def test_the_card_of_the_trials(searches: dict[str, Search], done: int, failed: int, kind: str) -> None:
    counts = searches["going"].trials.model_copy(update={"done": done, "failed": failed})
    assert kinds(changed(searches["going"], trials=counts))["Trials"] == kind


def test_lost_workers_are_a_card_only_while_they_are_lost(searches: dict[str, Search]) -> None:
    lost = Condition(
        type="ExecutorLost", status=True, reason="ray-gone", message="ray is gone", at="2026-01-01T00:00:00"
    )
    assert kinds(changed(searches["going"], conditions=[lost]))["Workers"] == "bad"
    found = lost.model_copy(update={"status": False})
    assert "Workers" not in kinds(changed(searches["going"], conditions=[found]))


def test_the_export_card_names_no_folder_of_the_server(searches: dict[str, Search]) -> None:
    written = Condition(type="Exported", status=True, reason="bundle-written", message="it is /srv/x", at="2026-01-01")
    cards = {card.title: card.text for card in health(changed(searches["done"], conditions=[written]))}
    assert "/srv" not in cards["Exported"] and "download" in cards["Exported"]


def test_doubts_are_explained_in_sentences(searches: dict[str, Search]) -> None:
    floor = Latency(ms=20.0, measured=True, flags=["throttled"])
    cards = {card.title: card.text for card in health(changed(searches["going"], floor=floor))}
    assert cards["Doubtful measurements"] == "The device slowed itself down (heat or power)."


def test_like_searches_are_compared_without_a_warning(searches: dict[str, Search]) -> None:
    assert warnings([searches["done"], searches["going"]]) == []


def test_every_unlikeness_is_said(searches: dict[str, Search]) -> None:
    done = searches["done"]
    other = Device(name="another board", key="e" * 64, details={})
    setting = done.request.setting.model_copy(update={"batch": 9})
    request = done.request.model_copy(update={"stat": "p99", "setting": setting})
    unlike = changed(done, device=other, request=request, target="other", metric="top1", simulated=False)
    titles = {one["title"] for one in warnings([done, unlike], left_out=1)}
    assert titles == {
        "Not all are shown.",
        "Unlike devices.",
        "Unlike settings.",
        "Unlike statistics.",
        "Unlike targets.",
        "Unlike metrics.",
        "Some are simulated.",
    }


def test_the_headline_says_accuracy_latency_and_what_it_costs(searches: dict[str, Search]) -> None:
    said = words.headline(searches["done"])
    assert "box mAP at" in said and "% faster than dense, for" in said
    assert words.headline(searches["going"]) == ""
    assert searches["done"].answer is not None
    fits = searches["done"].answer.model_copy(update={"dense_fits": True})
    assert "fast enough by itself" in words.headline(changed(searches["done"], answer=fits))


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (89.0, "89 s"), (90.0, "2 min"), (5400.0, "1 h 30 min")])
def test_spans_of_time_in_one_or_two_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(("ahead", "said"), [(0, "next in the queue"), (3, "3 ahead in the queue")])
def test_places_in_the_queue(ahead: int, said: str) -> None:
    assert words.queue_words(ahead) == said
