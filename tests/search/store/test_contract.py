"""What every database promises; each test runs on SQLite and on PostgreSQL."""

import pytest

from search.errors import StoreError
from search.records import Event
from search.store import Store
from tests.search.store.conftest import DIGEST
from tests.search.support import DEVICE, SPACE, evaluation, evaluation_event, job, measurement, measurement_event


def test_a_created_search_is_queued_and_says_so(store: Store) -> None:
    row = store.create_search(job().with_id("a"), DIGEST).row
    assert (row.state, row.attempts, row.terminal) == ("queued", 0, False)
    assert row.job == job().with_id("a")
    assert [(e.seq, e.kind) for e in store.events("a")] == [(1, "state")]
    with pytest.raises(StoreError, match="search a exists"):
        store.create_search(job().with_id("a"), DIGEST)


def test_events_are_numbered_per_search(store: Store) -> None:
    for name in ("a", "b"):
        store.create_search(job().with_id(name), DIGEST)
    store.append("a", [Event("log", {"message": "1"}), Event("log", {"message": "2"})])
    (written,) = store.append("b", [Event("log", {"message": "3"})])
    assert written.seq == 2
    assert [e.seq for e in store.events("a")] == [1, 2, 3]
    assert [e.data["message"] for e in store.events("a", after=2)] == ["2"]


def test_a_keyed_step_is_stored_once_with_all_it_implies(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    event = evaluation_event(0, SPACE.dense, 42.0)
    assert len(store.append("a", [event])) == 1
    assert store.append("a", [event]) == []
    assert store.archive(DIGEST) == [evaluation(SPACE.dense, 42.0)] == store.evaluations("a")


def test_the_archive_is_shared_between_searches_of_a_target_and_keeps_the_first(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    store.append("a", [evaluation_event(0, SPACE.dense, 42.0)])
    later = store.create_search(job().with_id("b"), DIGEST).row
    store.append("b", [evaluation_event(0, SPACE.dense, 41.0), evaluation_event(1, SPACE.sparsest, 33.0)])
    assert [one.metrics["bbox_mAP"] for one in store.archive(DIGEST)] == [42.0, 33.0]
    assert store.archive("other") == []
    # what the search may use is fixed when it is made
    assert [one.plan for one in store.archive(DIGEST, later.evaluations_upto)] == [SPACE.dense]


def test_equal_plans_with_knobs_in_another_order_are_one_row(store: Store) -> None:
    turned = type(SPACE.dense)(tuple(reversed(SPACE.dense.knobs)))
    store.create_search(job().with_id("a"), DIGEST)
    store.append("a", [evaluation_event(0, SPACE.dense, 42.0), evaluation_event(1, turned, 42.0)])
    assert len(store.archive(DIGEST)) == 1


def test_measurements_keep_their_raw_record(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    records = measurement(SPACE.sparsest, 12.0), measurement(SPACE.dense, 47.0)
    store.append("a", [measurement_event("ends", *records), measurement_event("verify:0:0", records[0])])
    assert store.measurements("a") == [("ends", records[0]), ("ends", records[1]), ("verify", records[0])]
    assert len(store.measurements(device_key=DEVICE.key)) == 3
    assert store.measurements(device_key="other") == []


def test_only_fitted_models_are_stored_newest_first(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    for number, source in enumerate(("fitted", "stored", "fitted")):
        data = {"source": source, "model": {"n": number}, "gates": {}, "device_key": "k", "steers": True}
        store.append("a", [Event("latency_model", data, f"model:{number}")])
    assert [row["model"]["n"] for row in store.latency_models(DIGEST, "k")] == [2, 0]
    assert store.latency_models(DIGEST, "other") == []
    later = store.create_search(job().with_id("b"), DIGEST).row
    assert later.models_upto == 2


def test_states_follow_events(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    store.append("a", [Event("state", {"state": "running", "message": ""})])
    assert store.search("a").state == "running"
    store.append("a", [Event("end", {"state": "failed", "message": "why", "answer": None})])
    row = store.search("a")
    assert (row.state, row.message, row.terminal, row.outcome.exit_code) == ("failed", "why", True, 4)


def test_an_event_and_its_effects_are_one_transaction(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    broken = Event("evaluation", {"number": 1, "evaluation": {"plan": {}}}, "evaluate:x")
    with pytest.raises(TypeError):
        store.append("a", [evaluation_event(0, SPACE.dense, 42.0), broken])
    assert [e.kind for e in store.events("a")] == ["state"]
    assert store.archive(DIGEST) == []


def test_nan_never_enters(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.append("a", [Event("log", {"message": float("nan")})])


def test_finds_by_prefix_and_says_what_is_ambiguous(store: Store) -> None:
    for name in ("20260101-aaaa", "20260101-bbbb", "20260102-cccc"):
        store.create_search(job().with_id(name), DIGEST)
    assert store.search("20260102").id == "20260102-cccc"
    assert store.search("last").id == "20260102-cccc"
    with pytest.raises(StoreError, match="fits several searches"):
        store.search("20260101")
    for unknown in ("x", "", "2026%"):
        with pytest.raises(StoreError, match=r"there is no search|fits several"):
            store.search(unknown)
    assert [row.id for row in store.searches(limit=2)] == ["20260102-cccc", "20260101-bbbb"]
