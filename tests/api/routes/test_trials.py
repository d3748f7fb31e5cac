"""Trials: pages that stay whole, one trial, the log of one."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import make_dispatcher
from api.schemas.trial import Trial, TrialLog, TrialPage
from search.budget import Budget
from search.coordinator import new_id
from search.defaults import setting_of
from search.records import Event, Job
from search.targets import BUILTIN
from tests.api.routes.conftest import problem
from tests.api.support import AppClient, app_client, settings_for


def pages(client: AppClient, path: str, size: int, query: str = "") -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items, token = [], ""
    while True:
        page = client.get(f"{path}?page_size={size}{query}{token}").json()
        assert len(page["items"]) <= size
        items += page["items"]
        if page["next_page_token"] is None:
            return items
        token = f"&page_token={page['next_page_token']}"


def test_every_trial_is_told_once_in_the_order_of_asking(reading: AppClient, path: str, done: dict[str, Any]) -> None:
    for size in (1, 3, 200):
        found = pages(reading, f"{path}/trials", size)
        assert [one["number"] for one in found] == list(range(done["trials"]["total"]))
    TrialPage.model_validate(reading.get(f"{path}/trials").json())


def test_trials_are_filtered_by_state_and_feasibility(reading: AppClient, path: str) -> None:
    everything = pages(reading, f"{path}/trials", 200)
    for query, wanted in (
        ("&feasible=true", [one for one in everything if one["feasible"]]),
        ("&feasible=false", [one for one in everything if one["feasible"] is False]),
        ("&state=done", everything),
        ("&state=failed", []),
    ):
        assert pages(reading, f"{path}/trials", 2, query) == wanted
    for query in ("state=lost", "feasible=perhaps", "page_size=0"):
        problem(reading.get(f"{path}/trials?{query}"), 422, "invalid-request")


def test_one_trial_is_as_in_the_list(reading: AppClient, path: str) -> None:
    listed = reading.get(f"{path}/trials").json()["items"][3]
    told = Trial.model_validate(reading.get(f"{path}/trials/3").json())
    assert told.model_dump() == listed
    assert (told.state, told.attempts >= 1, told.error) == ("done", True, None)
    assert told.metric is not None and told.metrics is not None and told.latency_ms is not None
    assert told.point in {point["id"] for point in reading.get(f"{path}/front").json()["points"]} | {told.point}


@pytest.mark.parametrize(
    ("number", "status"), [("99999", 404), ("-1", 422), ("x", 422), ("2147483648", 422), ("1.5", 422)]
)
def test_a_trial_that_is_none_is_refused(reading: AppClient, path: str, number: str, status: int) -> None:
    for rest in ("", "/log"):
        answer = reading.get(f"{path}/trials/{number}{rest}")
        problem(answer, status, "not-found" if status == 404 else "invalid-request")


def test_the_log_of_a_trial_tells_its_course(reading: AppClient, path: str, done: dict[str, Any]) -> None:
    asked = [one for one in pages(reading, f"{path}/trials", 200) if one["origin"] == "new"][-1]
    log = TrialLog.model_validate(reading.get(f"{path}/trials/{asked['number']}/log").json())
    assert (log.search, log.number) == (done["id"], asked["number"])
    told = {line.event: line.message for line in log.lines}
    assert told["trial"].startswith(f"metric {asked['metric']:.4g} on ")
    assert "ask" in told and [line.seq for line in log.lines] == sorted(line.seq for line in log.lines)
    assert not any("/home/" in line or "/tmp/" in line for line in log.runner)


def test_the_log_has_the_words_of_other_trials_in_none_but_theirs(reading: AppClient, path: str) -> None:
    first, second = (reading.get(f"{path}/trials/{n}/log").json()["lines"] for n in (0, 1))
    mine = {line["seq"] for line in first if line["event"] == "trial"}
    assert mine and mine.isdisjoint(line["seq"] for line in second)


MINIMAL = {"target": "synthetic-swin-t", "max_ms": 30}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 5),
    meanwhile=st.lists(st.sampled_from(["add", "remove new", "remove old", "nothing"]), max_size=12),
)
def test_pages_of_searches_stay_whole_while_searches_come_and_go(
    library: AppClient, size: int, meanwhile: list[str]
) -> None:
    """Whatever is there from the first page to the last is told exactly once."""
    store, seen, token = library.service.dispatcher.store, [], ""
    steadily = set(_ids(library))
    removed: set[str] = set()
    while True:
        page = library.get(f"/v1/searches?page_size={size}{token}").json()
        seen += [one["id"] for one in page["items"]]
        if page["next_page_token"] is None:
            break
        token = f"&page_token={page['next_page_token']}"
        act = meanwhile.pop() if meanwhile else "nothing"
        if act == "add":
            _add(library)
        elif act.startswith("remove"):
            known = _ids(library)
            gone = known[0] if act == "remove new" else known[-1]
            store.delete_search(gone)
            removed.add(gone)
    assert len(seen) == len(set(seen))
    assert steadily - removed <= set(seen)
    for _ in range(12 - len(_ids(library))):
        _add(library)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """A service with a dozen ended searches that never ran."""
    home = tmp_path_factory.mktemp("library") / "home"
    options = settings_for(home)
    dispatcher = make_dispatcher(options)
    dispatcher.start()
    with app_client(options, dispatcher) as client:
        for _ in range(12):
            _add(client)
        yield client
    dispatcher.close()


def _add(client: AppClient) -> None:
    """An ended search, put into the store past the queue."""
    target = BUILTIN["synthetic-swin-t"]
    store = client.service.dispatcher.store
    # a moment apart, as ids and times of different searches are
    time.sleep(0.001)
    job = Job(target=target.name, budget=Budget(30.0), setting=setting_of(target), id=new_id())
    store.create_search(job, target.digest())
    store.append(job.id, [Event("end", {"state": "cancelled", "message": "", "answer": None})])


def _ids(client: AppClient) -> list[str]:
    page = client.service.dispatcher.store.page_searches(size=200)
    return [row.id for row in page.rows]
