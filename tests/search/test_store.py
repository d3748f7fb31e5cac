import multiprocessing
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from search.errors import StoreError
from search.records import Event
from search.store import Store, schema
from tests.search.support import (
    DEVICE,
    SPACE,
    evaluation,
    evaluation_event,
    job,
    measurement,
    measurement_event,
)

DIGEST = "t" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "sparsearch.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


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


def _open(path: Path, answer: "multiprocessing.Queue[str]") -> None:
    try:
        Store.open(path).close()
        answer.put("opened")
    except StoreError as error:
        answer.put(str(error))


def test_a_second_writing_process_is_refused_until_the_first_is_gone(store: Store, path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers: list[str] = []
    for _ in range(2):
        answer: multiprocessing.Queue[str] = context.Queue()
        process = context.Process(target=_open, args=(path, answer))
        process.start()
        answers.append(answer.get(timeout=20))
        process.join()
        store.close()
    assert f"is in use by process {multiprocessing.current_process().pid}" in answers[0]
    assert answers[1] == "opened"


def test_a_reader_sees_commits_and_cannot_write(store: Store, path: Path) -> None:
    store.create_search(job().with_id("a"), DIGEST)
    with Store.read(path) as reader:
        assert reader.search("a").state == "queued"
        store.append("a", [Event("state", {"state": "running", "message": ""})])
        assert reader.search("a").state == "running"
        with pytest.raises(StoreError, match="cannot write"):
            reader.append("a", [Event("log", {"message": "x"})])


def test_a_reader_of_nothing_sees_an_empty_store(tmp_path: Path) -> None:
    with Store.read(tmp_path / "none.db") as reader:
        assert reader.searches() == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_committed_survives_reopening(path: Path) -> None:
    with Store.open(path) as store:
        store.create_search(job().with_id("a"), DIGEST)
    with Store.open(path) as store:
        assert store.count_attempt("a") == 1
        assert store.count_attempt("a") == 2
        assert store.search("a").attempts == 2


def test_the_file_is_in_wal_mode_with_full_syncs(store: Store) -> None:
    with store._database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_migrations_make_the_tables_that_the_code_knows(store: Store, tmp_path: Path) -> None:
    fresh = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    schema.METADATA.create_all(fresh)

    def described(engine: object) -> dict[str, object]:
        looked = inspect(engine)
        assert looked is not None
        return {
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns(table)],
                sorted(tuple(u["column_names"]) for u in looked.get_unique_constraints(table)),
                sorted(tuple(i["column_names"]) for i in looked.get_indexes(table)),
                sorted(tuple(f["constrained_columns"]) for f in looked.get_foreign_keys(table)),
            )
            for table in schema.METADATA.tables
        }

    with store._database.reading() as made, fresh.connect() as wanted:
        assert described(made) == described(wanted)
    fresh.dispose()


def test_the_head_that_the_code_knows_is_the_newest_migration(store: Store) -> None:
    folder = Path(schema.__file__).parent / "migrations" / "versions"
    assert max(file.name[:4] for file in folder.glob("0*.py")) == schema.HEAD
    with store._database.reading() as connection:
        found = connection.exec_driver_sql(f"SELECT version_num FROM {schema.VERSION_TABLE}").scalar()
    assert found == schema.HEAD


def test_lives_beside_another_alembic_user(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE alembic_version (version_num TEXT)")
        raw.execute("INSERT INTO alembic_version VALUES ('v3.2.0.a')")
    raw.close()
    with Store.open(path) as store:
        store.create_search(job().with_id("a"), DIGEST)


def test_refuses_a_schema_from_the_future(path: Path) -> None:
    Store.open(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    raw.close()
    with pytest.raises(StoreError, match=r"schema 9999.*upgrade SparSearch"):
        Store.open(path)


def test_refuses_a_damaged_file_and_leaves_it_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all " * 100)
    for opening in (Store.open, Store.read):
        with pytest.raises(StoreError, match=r"sparsearch\.db is damaged.*backup"):
            opening(path)
    assert path.read_bytes() == b"no database at all " * 100


def test_names_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*SPARSEARCH_HOME"):
        Store.open(tmp_path / "file" / "sparsearch.db")
