"""Trials as rows: what events make of them, their pages, counts and samples; on both databases."""

import pytest

from models.plan import Plan
from search.errors import UnknownTrial
from search.records import Event
from search.store import Store
from search.store.rows import TrialRow
from tests.search.store.conftest import DIGEST, Clock
from tests.search.store.filling import fill
from tests.search.support import SPACE, evaluation_event, job


def plans(count: int) -> list[Plan]:
    return [SPACE.at(tuple(place if knob == 0 else 0 for knob in range(len(SPACE.knobs)))) for place in range(count)]


def ask(round: int, numbers: list[int]) -> Event:
    return Event(
        "ask", {"round": round, "plans": [dict(plans(9)[n]) for n in numbers], "numbers": numbers}, f"ask:{round}"
    )


def failure(number: int) -> Event:
    data = {"number": number, "plan": dict(plans(9)[number]), "cause": "crash", "reason": "it died", "attempts": 3}
    return Event("failure", data, f"evaluate:{number}")


def done(number: int, **more: object) -> Event:
    event = evaluation_event(number, plans(9)[number], 40.0 + number)
    return Event(event.kind, {**event.data, **more}, event.key)


def state(name: str) -> Event:
    return Event("state", {"state": name, "message": ""})


@pytest.fixture
def searching(store: Store) -> Store:
    store.create_search(job().with_id("a"), DIGEST)
    store.append("a", [state("running")])
    return store


def states(store: Store) -> list[tuple[int, str]]:
    return [(row.number, row.state) for row in store.page_trials("a", size=100).rows]


def test_a_trial_runs_from_the_ask_and_is_done_with_its_evaluation(searching: Store, clock: Clock) -> None:
    searching.append("a", [ask(0, [2, 3])])
    running = searching.trial("a", 2)
    assert running == TrialRow("a", 2, plans(9)[2], "running", asked_at=running.asked_at)
    assert running.feasible is None
    band = {"low_ms": 21.0, "high_ms": 23.0, "within": 0.9, "attempts": 2}
    searching.append("a", [done(2, **band)])
    ended = searching.trial("a", 2)
    metrics = {"bbox_mAP": 42.0, "segm_mAP": 41.0}
    assert ended == TrialRow(
        "a", 2, plans(9)[2], "done", 42.0, metrics, 22.0, 21.0, 23.0, 0.9, -0.1, "new", 10, 0.5, 2,
        asked_at=running.asked_at, ended_at=ended.ended_at,
    )  # fmt: skip
    assert ended.feasible and ended.ended_at is not None and ended.ended_at > ended.asked_at
    assert states(searching) == [(2, "done"), (3, "running")]


def test_a_plan_that_nobody_asked_for_gets_its_row_at_its_end(searching: Store) -> None:
    searching.append("a", [done(0), failure(1)])
    dense, failed = searching.page_trials("a", size=9).rows
    assert (dense.state, dense.asked_at) == ("done", dense.ended_at)
    assert (failed.state, failed.cause, failed.error, failed.attempts) == ("failed", "crash", "it died", 3)
    assert failed.metric is failed.feasible is failed.excess is None


def test_trials_run_only_while_their_search_does(searching: Store) -> None:
    searching.append("a", [ask(0, [0, 1, 2]), done(1)])
    whole = [(0, "running"), (1, "done"), (2, "running")]
    assert states(searching) == whole
    for rest in ("paused", "queued", "failed"):
        searching.append("a", [state(rest)])
        assert states(searching) == [(1, "done")]
        searching.append("a", [state("preparing"), state("running")])
        assert states(searching) == whole
    asked = searching.trial("a", 0).asked_at
    searching.append("a", [done(0)])
    assert searching.trial("a", 0).asked_at == asked


def test_older_events_do_not_number_what_they_ask_for(searching: Store) -> None:
    searching.append("a", [Event("ask", {"round": 0, "plans": [dict(plans(9)[0])]}, "ask:0")])
    assert states(searching) == []
    searching.append("a", [done(0), state("queued"), state("running")])
    assert states(searching) == [(0, "done")]


def test_counts(searching: Store) -> None:
    assert searching.trial_counts("a") == {"running": 0, "done": 0, "failed": 0, "reused": 0}
    searching.append("a", [ask(0, [0, 1, 2, 3]), done(0), done(1, origin="archive"), failure(2)])
    assert searching.trial_counts("a") == {"running": 1, "done": 2, "failed": 1, "reused": 1}
    assert sum(searching.trial_counts("b").values()) == 0


def test_pages_filter_by_state_and_feasibility(searching: Store) -> None:
    searching.append("a", [ask(0, [6, 7]), *(done(n, excess=0.1 if n % 2 else 0.0) for n in range(5)), failure(5)])

    def found(**filters: object) -> list[int]:
        numbers: list[int] = []
        after = None
        while True:
            page = searching.page_trials("a", size=2, after=after, **filters)  # type: ignore[arg-type]
            assert len(page.rows) <= 2
            numbers += [row.number for row in page.rows]
            if (after := page.after) is None:
                return numbers

    assert found() == list(range(8))
    assert found(state="done") == [0, 1, 2, 3, 4]
    assert found(state="failed") == [5]
    assert found(state="running") == [6, 7]
    assert found(feasible=True) == [0, 2, 4]
    assert found(feasible=False, state="done") == [1, 3]
    assert found(feasible=True, state="running") == []


def test_an_unknown_trial_is_named(searching: Store) -> None:
    with pytest.raises(UnknownTrial, match="search a has no trial 3"):
        searching.trial("a", 3)


@pytest.mark.parametrize("limit", [4, 40, 500, 3000])
def test_a_sample_is_spread_and_holds_the_best(store: Store, limit: int) -> None:
    big = fill(store, searches=3, trials=2_000)
    assert store.trial_counts(big) == {"running": 0, "done": 1960, "failed": 40, "reused": 200}
    sample = store.sampled_trials(big, limit)
    numbers = [row.number for row in sample]
    assert numbers == sorted(set(numbers)) and len(numbers) <= limit
    every = store.page_trials(big, size=2_000).rows
    if limit >= 2_000:
        assert numbers == [row.number for row in every]
        return
    # no stretch of the search is left out
    widest = max(after - before for before, after in zip([0, *numbers], [*numbers, 2_000], strict=True))
    assert widest <= 2_000 / (limit / 2) + 1
    for feasible in (True, False):
        ranked = sorted((row for row in every if row.feasible is feasible), key=lambda row: -(row.metric or 0))
        assert {row.number for row in ranked[: min(100, limit // 4)]} <= set(numbers)
    one = sample[0]
    assert one.metrics is None and one.plan == store.trial(big, one.number).plan


def test_the_sample_of_an_empty_search_is_empty(searching: Store) -> None:
    assert searching.sampled_trials("a", 100) == []


def test_a_filled_database_is_one_that_the_store_could_have_written(store: Store) -> None:
    big = fill(store, searches=20, trials=60)
    for row in store.searches():
        events = store.stored_events(row.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
    trials = store.page_trials(big, size=100).rows
    written = {event.data["number"]: event.data for event in store.stored_events(big, kinds=("evaluation", "failure"))}
    assert [row.metric for row in trials] == [written[row.number].get("metric") for row in trials]
    assert store.search("last").id == big
