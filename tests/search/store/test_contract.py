"""What every database promises; each test runs on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, update

from search.errors import (
    IdempotencyMismatch,
    QueueFull,
    StateConflict,
    StoreError,
    UnknownCheckpoint,
    UnknownSearch,
)
from search.records import Event
from search.store import Store, schema
from search.store.rows import IdempotencyKey
from tests.search.store.conftest import DIGEST, Clock
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


def test_a_key_makes_one_search(store: Store, clock: Clock) -> None:
    key = IdempotencyKey("a secret of the client", "fingerprint")
    first = store.create_search(job().with_id("a"), DIGEST, key=key, queue_cap=1)
    again = store.create_search(job().with_id("b"), DIGEST, key=key, queue_cap=1)  # although the queue is full
    assert (first.replayed, again.replayed) == (False, True)
    assert again.row == first.row == store.exact("a")
    assert [row.id for row in store.searches()] == ["a"]
    with pytest.raises(IdempotencyMismatch, match="another request"):
        store.create_search(job().with_id("c"), DIGEST, key=IdempotencyKey(key.key, "other"))
    with store._database.reading() as connection:
        assert "secret" not in str(connection.execute(select(schema.idempotency)).all())
    clock.advance(hours=49)
    assert not store.create_search(job().with_id("d"), DIGEST, key=key).replayed
    with store._database.reading() as connection:
        assert len(connection.execute(select(schema.idempotency)).all()) == 1


def test_a_full_queue_refuses_and_stores_nothing(store: Store) -> None:
    for name in ("a", "b"):
        store.create_search(job().with_id(name), DIGEST, queue_cap=2)
    with pytest.raises(QueueFull, match="2 searches wait") as raised:
        store.create_search(job().with_id("c"), DIGEST, key=IdempotencyKey("k", "f"), queue_cap=2)
    assert raised.value.cap == 2
    store.change_state("a", {"queued"}, "preparing", "")
    assert not store.create_search(job().with_id("c"), DIGEST, key=IdempotencyKey("k", "f"), queue_cap=2).replayed


def test_states_change_only_from_where_they_may(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    row = store.change_state("a", {"queued", "running"}, "paused", "by request")
    assert (row.state, row.message) == ("paused", "by request")
    assert row == store.exact("a")
    with pytest.raises(StateConflict, match=r"is paused.*queued or running") as raised:
        store.change_state("a", {"queued", "running"}, "cancelling", "")
    assert (raised.value.state, raised.value.allowed) == ("paused", ("queued", "running"))
    with pytest.raises(UnknownSearch, match="no search 'b'"):
        store.change_state("b", {"queued"}, "paused", "")
    said = [event.data["state"] for event in store.events("a")]
    assert said == ["queued", "paused"]


def test_only_an_ended_search_can_be_forgotten_and_its_archive_stays(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST, key=IdempotencyKey("k", "f"))
    model = {"source": "fitted", "model": {"n": 1}, "gates": {}, "device_key": "k", "steers": True}
    export = {"path": "/bundle", "zip": None, "plan": dict(SPACE.dense)}
    events = [evaluation_event(0, SPACE.dense, 42.0), measurement_event("ends", measurement(SPACE.dense, 47.0))]
    store.append("a", [*events, Event("latency_model", model, "model"), Event("export", export, "export")])
    with pytest.raises(StateConflict, match="the search is queued"):
        store.delete_search("a")
    store.append("a", [Event("end", {"state": "cancelled", "message": "", "answer": None})])
    store.delete_search("a")
    for call in (store.exact, store.delete_search, lambda name: store.append(name, events)):
        with pytest.raises(UnknownSearch, match="no search 'a'"):
            call("a")
    assert store.events("a") == store.exports("a") == store.measurements("a") == []
    assert store.archive(DIGEST) == [evaluation(SPACE.dense, 42.0)]
    assert len(store.latency_models(DIGEST)) == 1
    # the next search finds both, and the key is free again
    made = store.create_search(job().with_id("b"), DIGEST, key=IdempotencyKey("k", "f"))
    assert (made.replayed, made.row.evaluations_upto, made.row.models_upto) == (False, 1, 1)


def test_the_queue_is_in_the_order_of_waiting(store: Store) -> None:
    assert store.oldest_queued_at() is None
    for name in ("a", "b", "c"):
        store.create_search(job().with_id(name), DIGEST)
    assert store.queue() == ["a", "b", "c"]
    assert store.oldest_queued_at() == store.exact("a").created_at
    for state in ("paused", "queued"):  # who was paused goes to the end
        store.change_state("a", {"queued", "paused"}, state, "")
    assert store.queue() == ["b", "c", "a"]
    assert store.oldest_queued_at() == store.exact("b").created_at
    store.change_state("c", {"queued"}, "running", "")
    assert store.counts() == {"queued": 2, "running": 1}
    assert [row.id for row in store.unfinished()] == ["c"]


def test_names_and_labels_are_kept_and_found(store: Store) -> None:
    tricky = {"team": 'a",\\"b":"c', "b": "100%_"}
    store.create_search(job(name="größer < kleiner", labels=tricky).with_id("a"), DIGEST)
    store.create_search(job(labels={"team": "A"}).with_id("b"), DIGEST)
    row = store.exact("a")
    assert (row.name, row.labels) == ("größer < kleiner", tricky)

    def found(key: str, value: str) -> list[str]:
        return [row.id for row in store.page_searches(label=(key, value), size=10).rows]

    assert found("team", tricky["team"]) == found("b", "100%_") == ["a"]
    assert found("team", "A") == ["b"]
    for missing in (("team", "a"), ("b", "100"), ("b", "c"), ("eam", "A"), ("team", 'A"'), ("b", "%")):
        assert found(*missing) == []


def test_searches_come_in_pages_by_state_and_target(store: Store) -> None:
    for place in range(7):
        target = "synthetic-swin-t" if place % 2 else "other"
        store.create_search(job(target=target).with_id(f"s{place}"), DIGEST)
    store.change_state("s3", {"queued"}, "running", "")
    pages, after = [], None
    while True:
        page = store.page_searches(size=3, after=after)
        pages.append([row.id for row in page.rows])
        if (after := page.after) is None:
            break
    assert pages == [["s6", "s5", "s4"], ["s3", "s2", "s1"], ["s0"]]
    assert [row.id for row in store.page_searches(state="running", size=3).rows] == ["s3"]
    page = store.page_searches(target="other", state="queued", size=2)
    assert [row.id for row in page.rows] == ["s6", "s4"]
    assert [row.id for row in store.page_searches(target="other", size=2, after=page.after).rows] == ["s2", "s0"]


def test_the_log_is_read_by_kind_and_place(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    assert store.latest("a", "log") is None
    store.append("a", [Event("log", {"message": str(n)}, f"log:{n}" if n % 2 else None) for n in range(6)])
    said = store.stored_events("a", 2, 3)
    assert [(event.seq, event.kind, event.key) for event in said] == [
        (3, "log", "log:1"),
        (4, "log", None),
        (5, "log", "log:3"),
    ]
    assert said[0].at == "2026-11-21T09:00:00.002000+00:00"
    assert [event.seq for event in store.stored_events("a", kinds=("state", "end"))] == [1]
    assert store.stored_events("a", kinds=()) == store.stored_events("b") == []
    for kind, seq in (("log", 7), ("state", 1), (None, 7)):
        newest = store.latest("a", kind)
        assert newest is not None and newest.seq == seq
    assert store.latest("b") is None


def test_uploaded_checkpoints_are_kept_once_per_content(store: Store) -> None:
    first = store.add_checkpoint("ab" * 32, "swin\0", 3 * 2**31, 200)
    assert store.add_checkpoint("ab" * 32, "another name", 3 * 2**31, 200) == first
    second = store.add_checkpoint("cd" * 32, "other", 10, 1)
    assert store.checkpoints() == [second, first]
    assert store.checkpoint(first.id) == first
    assert (first.bytes, first.name) == (3 * 2**31, "swin\N{REPLACEMENT CHARACTER}")
    with pytest.raises(UnknownCheckpoint, match="no checkpoint 'x'"):
        store.checkpoint("x")


def test_texts_that_a_database_cannot_hold_are_replaced(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    row = store.change_state("a", {"queued"}, "running", "a\0b\ud800c")
    assert row.message == "a\N{REPLACEMENT CHARACTER}b?c"
    assert [event.data["message"] for event in store.events("a")][-1] == "a\0b\ud800c"


def test_a_torn_row_is_named(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    store.append("a", [Event("log", {"message": "x"}), evaluation_event(0, SPACE.dense, 42.0)])
    torn = '{"message": "'
    with store._database.writing() as connection:
        for table in (schema.events, schema.evaluations):
            column = table.c.data if table is schema.events else table.c.record
            connection.execute(update(table).values({column: torn}))
        connection.execute(update(schema.trials).values(plan="[]"))
    for call, name in (
        (lambda: store.events("a"), "search a, event 1"),
        (lambda: store.latest("a", "log"), "search a, event 2"),
        (lambda: store.trial("a", 0), "search a, trial 0"),
        (lambda: store.archive(DIGEST), "evaluation 1 of the archive"),
    ):
        with pytest.raises(StoreError, match=f"{name}, cannot be read .*restore it from a backup"):
            call()
    with store._database.writing() as connection:
        connection.execute(update(schema.searches).values(job='{"target": 1}'))
    for read in (lambda: store.exact("a"), store.searches, lambda: store.search("last")):
        with pytest.raises(StoreError, match="search a, row of the search itself, cannot be read"):
            read()


def test_check_is_quiet_when_all_is_well(store: Store) -> None:
    store.check()


def test_a_reader_can_do_all_but_write(store: Store, location: Path | str) -> None:
    with Store.read(location) as reader:
        assert reader.searches() == []
        store.create_search(job().with_id("a"), DIGEST)
        assert reader.exact("a") == store.exact("a")
        reader.check()
        with pytest.raises(StoreError, match=r"cannot write .*open for reading only"):
            reader.append("a", [Event("log", {"message": "x"})])
        with reader._database.reading() as connection, pytest.raises(Exception, match=r"read.?only"):
            connection.execute(update(schema.searches).values(state="failed"))


def test_a_closed_store_says_so(location: Path | str) -> None:
    store = Store.open(location)
    store.close()
    store.close()
    with pytest.raises(StoreError, match=r"cannot write .*closed"):
        store.create_search(job().with_id("a"), DIGEST)
    Store.open(location).close()


def test_many_threads_write_and_read_at_once(store: Store) -> None:
    names = [f"s{place}" for place in range(4)]
    for name in names:
        store.create_search(job().with_id(name), DIGEST)

    def write(name: str) -> None:
        for number in range(25):
            store.append(name, [evaluation_event(number, SPACE.dense, 42.0), Event("log", {"message": "x"})])

    def read(name: str) -> None:
        seen = 0
        while seen < 51:
            events = store.events(name)
            # a batch is seen as a whole, and without gaps
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert len(events) % 2 == 1 and len(events) >= seen
            assert store.trial_counts(name)["done"] >= (seen - 1) // 2
            seen = len(events)

    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(work, name) for name in names for work in (write, read, read)]:
            done.result(timeout=60)
    assert all(store.trial_counts(name)["done"] == 25 for name in names)


def test_reads_do_not_wait_for_a_writer(store: Store) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    with store._database.writing() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(update(schema.searches).values(message="not yet"))
        assert pool.submit(store.exact, "a").result(timeout=10).message == ""
    assert store.exact("a").message == "not yet"
