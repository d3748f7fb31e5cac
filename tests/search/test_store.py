"""What is special about the SQLite file: one writer, readers beside it, damage, versions."""

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
    job,
)

DIGEST = "t" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "sparsearch.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


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
