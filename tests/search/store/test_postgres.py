"""What is special about PostgreSQL: one writing session under a lock, outages, limits, secrets."""

import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text

from search.errors import SearchError, StoreError, StoreUnavailable
from search.records import Event
from search.store import Store, postgres, schema
from search.store.migrate import upgrade
from tests.postgres import Server
from tests.search.store.conftest import DIGEST
from tests.search.support import SPACE, evaluation_event, job


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PATIENCE_S", 0.2)


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a test may stop."""
    with Server.in_new_folder() as server:
        yield server


def test_one_writer_at_a_time(postgres_url: str, impatient: None) -> None:
    said = r"is in use by sparsearch \d+ .*one process writes .*of its own"
    with Store.open(postgres_url):
        with pytest.raises(StoreError, match=said) as raised:
            Store.open(postgres_url)
        assert not isinstance(raised.value, StoreUnavailable)
        Store.read(postgres_url).close()
    Store.open(postgres_url).close()


def test_a_writer_waits_a_little_for_the_one_before_it(postgres_url: str) -> None:
    first = Store.open(postgres_url)
    timer = threading.Timer(0.5, first.close)
    timer.start()
    with Store.open(postgres_url) as second:
        assert second.searches() == []
    timer.join()


def test_two_databases_of_one_server_have_a_writer_each(postgres_server: Server) -> None:
    with Store.open(postgres_server.create()), Store.open(postgres_server.create()):
        pass


@pytest.mark.parametrize("old", [False, True])
def test_three_starts_at_once_migrate_once(postgres_url: str, old: bool) -> None:
    if old:
        engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            upgrade(connection, "old", "0001")
        engine.dispose()

    def start() -> int:
        with Store.open(postgres_url) as store:
            return len(store.searches())

    with ThreadPoolExecutor(3) as pool:
        assert [made.result(30) for made in [pool.submit(start) for _ in range(3)]] == [0, 0, 0]
    with psycopg.connect(postgres_url) as raw:
        assert raw.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchall() == [(schema.HEAD,)]


def test_the_tables_are_those_that_the_code_knows(postgres_url: str, postgres_server: Server) -> None:
    Store.open(postgres_url).close()
    fresh = postgres_server.create()

    def described(url: str, make: bool) -> dict[str, object]:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        if make:
            schema.METADATA.create_all(engine)
        looked = inspect(engine)
        found: dict[str, object] = {
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns(table)],
                sorted(tuple(u["column_names"]) for u in looked.get_unique_constraints(table)),
                sorted(tuple(i["column_names"]) for i in looked.get_indexes(table)),
                sorted((tuple(f["constrained_columns"]), str(f["options"])) for f in looked.get_foreign_keys(table)),
            )
            for table in schema.METADATA.tables
        }
        engine.dispose()
        return found

    assert described(postgres_url, False) == described(fresh, True)


def test_sessions_have_limits(postgres_url: str) -> None:
    with Store.open(postgres_url) as store:
        for session in (store._database.writing, store._database.reading):
            with session() as connection:
                shown = {
                    name: connection.execute(text(f"SHOW {name}")).scalar()
                    for name in ("statement_timeout", "idle_in_transaction_session_timeout")
                }
            assert shown == {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}


def test_a_server_that_restarts_is_an_outage_and_no_more(own_server: Server) -> None:
    url = own_server.create()
    with Store.open(url) as store, Store.read(url) as reader:
        store.create_search(job().with_id("a"), DIGEST)
        assert reader.exact("a").state == "queued"
        own_server.stop(signal.SIGQUIT)  # as a crash
        for call in (
            store.check,
            reader.check,
            lambda: store.exact("a"),
            lambda: store.append("a", [Event("log", {"message": "x"})]),
        ):
            with pytest.raises(StoreUnavailable, match=r"cannot be used now .*check that the server is up"):
                call()
        with pytest.raises(StoreUnavailable, match="cannot be used now"):
            Store.open(url)
        own_server.start()
        store.check()
        assert reader.exact("a").state == "queued"
        store.append("a", [evaluation_event(0, SPACE.dense, 42.0)])
        assert store.trial_counts("a")["done"] == 1


def test_crashes_under_load_lose_no_acknowledged_event(own_server: Server) -> None:
    url = own_server.create()
    with Store.open(url) as store:
        store.create_search(job().with_id("a"), DIGEST)
        acknowledged: list[int] = []
        stopping = threading.Event()

        def write() -> None:
            number = 0
            while not stopping.is_set():
                try:
                    # a commit whose answer was lost is sent again: the key makes it count once
                    store.append("a", [Event("log", {"message": str(number)}, f"log:{number}")])
                except StoreUnavailable:
                    time.sleep(0.02)
                    continue
                acknowledged.append(number)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            time.sleep(0.3)
            own_server.stop(signal.SIGQUIT)
            own_server.start()
        before = len(acknowledged)
        deadline = time.monotonic() + 10
        while len(acknowledged) < before + 5:
            assert time.monotonic() < deadline, "writing does not go on"
            time.sleep(0.02)
        stopping.set()
        writer.join(20)
        stored = [int(event.data["message"]) for event in store.events("a") if event.kind == "log"]
        assert stored == list(range(len(stored))) and len(acknowledged) <= len(stored) <= len(acknowledged) + 1
        assert [event.seq for event in store.events("a")] == list(range(1, len(stored) + 2))


def test_who_lost_its_session_to_another_process_is_refused(postgres_url: str, impatient: None) -> None:
    with Store.open(postgres_url) as store:
        store.create_search(job().with_id("a"), DIGEST)
        _end_sessions(postgres_url)
        with Store.open(postgres_url) as other:
            with pytest.raises(StoreError, match="is in use by sparsearch"):
                store.append("a", [Event("log", {"message": "x"})])
            assert store.exact("a").state == "queued"
            other.append("a", [Event("log", {"message": "mine"})])
        store.append("a", [Event("log", {"message": "mine again"})])
        assert len(store.events("a")) == 3


def test_a_session_of_ours_that_was_cut_off_is_ended(postgres_server: Server, impatient: None) -> None:
    """The network drops the connection silently; the server still holds the lock for the session that is gone."""
    url = postgres_server.create()
    with Proxy(postgres_server.port) as proxy:
        through = url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        with Store.open(through) as store:
            store.create_search(job().with_id("a"), DIGEST)
            proxy.cut()
            with contextlib.suppress(StoreUnavailable):  # or the loss is noticed before anything is sent
                store.append("a", [Event("log", {"message": "x"}, "x")])
            store.append("a", [Event("log", {"message": "y"}, "y")])
            assert "y" in [event.key for event in store.events("a")]


def test_the_password_is_in_no_message(
    postgres_server: Server, caplog: pytest.LogCaptureFixture, own_server: Server
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    url = postgres_server.create()
    secret = postgres_server.password
    wrong = url.replace(secret, "planted-secret")
    gone = own_server.url().replace(own_server.password, "planted-secret")
    own_server.stop()
    for location in (
        wrong,
        gone,
        url.replace(secret, "planted-secret@x:y"),
        "postgresql://user:planted-secret@127.0.0.1:notaport/db",
        "postgresql://user@127.0.0.1:1/db?password=planted-secret",
        "postgresql://user:planted-secret@/?bogus=1",
    ):
        with pytest.raises(SearchError) as raised:
            Store.open(location)
        said.append(str(raised.value))
    with Store.open(url) as store:
        said.append(store._database.name)
        store.create_search(job().with_id("a"), DIGEST)
        with pytest.raises(StoreError, match="search a exists") as raised:
            store.create_search(job().with_id("a"), DIGEST)
        said.append(str(raised.value))
    heard = "\n".join([*said, caplog.text])
    assert secret not in heard and "planted-secret" not in heard
    assert f"postgresql://sparsearch@127.0.0.1:{postgres_server.port}/" in heard


def test_only_postgresql_urls_are_locations(tmp_path: Path, postgres_url: str) -> None:
    for wrong in ("mysql://u@h/d", "sqlite:///x.db", "http://x"):
        with pytest.raises(StoreError, match=r"path of an SQLite file or postgresql://.*got one of"):
            Store.open(wrong)
    for scheme in ("postgres", "postgresql+psycopg"):
        Store.open(postgres_url.replace("postgresql", scheme, 1)).close()


def test_a_newer_schema_is_refused(postgres_url: str) -> None:
    Store.open(postgres_url).close()
    with psycopg.connect(postgres_url) as raw:
        raw.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    for opening in (Store.open, Store.read):
        with pytest.raises(StoreError, match=r"has schema 9999.*upgrade SparSearch"):
            opening(postgres_url)


def test_a_reader_of_an_empty_or_older_database(postgres_url: str, postgres_server: Server) -> None:
    with Store.read(postgres_url) as reader:
        assert reader.searches() == []
        reader.check()
    with psycopg.connect(postgres_url) as raw:
        assert raw.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        upgrade(connection, "old", "0001")
    engine.dispose()
    with Store.read(postgres_url) as reader:
        assert reader.page_searches(size=3).rows == ()


def _end_sessions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as raw:
        raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class Proxy:
    """Stands between a client and a server on loopback, and can fall silent on the client's side only."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for pair in self._pairs:
            for end in pair:
                end.close()

    def cut(self) -> None:
        """Close the client's connections; the server is not told."""
        for client, _ in self._pairs:
            client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((client, server))
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            threading.Thread(target=self._copy, args=(server, client), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return
