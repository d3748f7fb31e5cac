"""How we open SQLite: one writing connection per file, WAL with full syncs, readers that cannot write.

The writer takes an advisory lock on a file beside the database. That keeps to one the connections that write or
checkpoint, which also closes the WAL-reset race of SQLite before 3.51.3 (it needs a second one). Readers open the
file read-only, so that not even the last one to close checkpoints it.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, TimeoutError
from sqlalchemy.pool import QueuePool, StaticPool

from search.errors import StoreError, StoreUnavailable
from search.store.complaints import explain
from search.store.database import Database
from search.store.schema import METADATA, VERSION_TABLE
from search.store.writer_lock import WriterLock

_READERS = 8
_MORE_READERS = 56
"""Readers beyond those that stay open; a service has at most 40 threads that read."""


class Sqlite(Database):
    """An SQLite file.

    Args:
        path: the file.
        lock: held by the one process that writes; None: open for reading only.
    """

    def __init__(self, path: Path, lock: WriterLock | None) -> None:
        self.name = str(path)
        self._lock = lock
        self._writer = _writer(str(path)) if lock is not None else None
        self._reader = _reader(path)
        self._turn = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See `Database.writing`."""
        if self._writer is None:
            raise StoreError(f"cannot write {self.name}: it is open for reading only, or closed")
        with self._turn, _explained(self.name), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See `Database.reading`."""
        with _explained(self.name), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """See `Database.close`."""
        self._reader.dispose()  # first: whoever closes last must be able to checkpoint
        with self._turn:
            writer, self._writer = self._writer, None
            lock, self._lock = self._lock, None
            if writer is not None:
                writer.dispose()
            if lock is not None:
                lock.release()


class Empty(Database):
    """A database without rows, in memory: what a reader sees where nothing has been stored yet.

    Args:
        name: what is not there.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._engine = _writer(":memory:")
        self._turn = threading.Lock()
        with self._engine.begin() as connection:
            METADATA.create_all(connection)
            connection.exec_driver_sql(f"CREATE TABLE {VERSION_TABLE} (version_num TEXT)")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Nothing can be written."""
        raise StoreError(f"cannot write {self.name}: it is open for reading only")
        yield  # type: ignore[unreachable]  # a generator, as the others are

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See `Database.reading`."""
        with self._turn, self._engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """See `Database.close`."""
        self._engine.dispose()


def _writer(path: str) -> Engine:
    """The engine of the one connection that writes; every transaction takes the write lock at once."""
    engine = create_engine(f"sqlite:///{path}", poolclass=StaticPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _setup(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        for pragma in (
            "busy_timeout=5000",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "journal_size_limit=16777216",  # a WAL that once grew is cut when it is reused
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _reader(path: Path) -> Engine:
    """An engine whose connections can neither write nor checkpoint."""
    log = path.with_name(path.name + "-wal")
    # where nobody can write, not even the index of the log can be made
    frozen = "&immutable=1" if not os.access(path.parent, os.W_OK) and not log.exists() else ""
    engine = create_engine(
        f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro{frozen}&uri=true",
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=_MORE_READERS,
        pool_timeout=5.0,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _setup(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("busy_timeout=5000", "wal_autocheckpoint=0", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")  # all statements of one question see the same state

    return engine


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what SQLite says into what to do."""
    try:
        yield
    except TimeoutError:
        raise StoreUnavailable(f"{name} is being read by too many at once; try again in a moment") from None
    except DatabaseError as error:
        raise explain(name, str(error.orig)) from None
