"""Reading and writing searches: every event is one transaction, with everything that follows from it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from search.errors import StoreError
from search.records import Event, Job
from search.store import effects, reading, schema
from search.store.engine import WriterLock, reader, refuse_network, writer
from search.store.migrate import upgrade
from search.store.rows import SearchRow, pack


class Store(reading.Reading):
    """The database of one state home. Use as a context manager, or call `close`.

    Args:
        engine: opened by `open` or `read`.
        path: the file, for messages.
        lock: held by a writer.
        now: the clock.
    """

    def __init__(self, engine: Engine, path: Path, lock: WriterLock | None, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._path = path
        self._lock = lock
        self._now = now

    @classmethod
    def open(cls, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> "Store":
        """The one writer of a file, which is made and migrated as needed.

        Raises:
            StoreError: another process writes it, it is damaged, it is on a network file system, or it was
                written by a newer version.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            refuse_network(path.resolve())
            lock = WriterLock(path)
        except OSError as error:
            raise StoreError(
                f"cannot write {path}: {error.strerror}; set SPARSEARCH_HOME to a writable folder"
            ) from None
        store = cls(writer(path), path, lock, now)
        try:
            with store._transaction() as connection:
                upgrade(connection, str(path))
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def read(cls, path: Path) -> "Store":
        """A reader beside the writer; sees an empty store where there is no file.

        Raises:
            StoreError: the file is damaged.
        """
        if path.exists():
            store = cls(reader(path), path, None, lambda: datetime.now(UTC))
            if store._migrated():
                return store
            store.close()
        store = cls(writer(Path(":memory:")), path, None, lambda: datetime.now(UTC))
        with store._transaction() as connection:
            schema.METADATA.create_all(connection)
        return store

    def create_search(self, job: Job, target_digest: str) -> SearchRow:
        """Store a request (with its id set) in the state `queued`. Durable when this returns.

        Raises:
            StoreError: the id exists.
        """
        at = self._now().isoformat()
        with self._transaction() as connection:
            if connection.execute(select(schema.searches.c.id).where(schema.searches.c.id == job.id)).first():
                raise StoreError(f"search {job.id} exists already in {self._path}")
            connection.execute(
                insert(schema.searches).values(
                    id=job.id,
                    created_at=at,
                    updated_at=at,
                    state="queued",
                    message="",
                    target=job.target,
                    target_digest=target_digest,
                    sampler=job.sampler,
                    device=job.setting.device,
                    attempts=0,
                    job=pack(job.to_dict()),
                    evaluations_upto=_newest(connection, schema.evaluations.c.id),
                    models_upto=_newest(connection, schema.latency_models.c.id),
                )
            )
            effects.append(connection, job.id, Event("state", {"state": "queued", "message": ""}), at)
        return self.search(job.id)

    def append(self, search_id: str, events: Sequence[Event]) -> list[Event]:
        """Commit events and everything that follows from them; returns them numbered.

        A keyed event that the search has already is left out. Durable when this returns.
        """
        at = self._now().isoformat()
        with self._transaction() as connection:
            written = [effects.append(connection, search_id, event, at) for event in events]
        return [event for event in written if event is not None]

    def count_attempt(self, search_id: str) -> int:
        """Note that a runner process is being started; returns how many there have been."""
        searches = schema.searches
        with self._transaction() as connection:
            connection.execute(
                update(searches).where(searches.c.id == search_id).values(attempts=searches.c.attempts + 1)
            )
            query = select(searches.c.attempts).where(searches.c.id == search_id)
            return int(connection.execute(query).scalar_one())

    def close(self) -> None:
        """Close the file and let another process write it."""
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise self._explain(error) from None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise self._explain(error) from None

    def _migrated(self) -> bool:
        """Whether the tables are there; a file of zero bytes is what a killed first start leaves."""
        with self._reading() as connection:
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'exports'")
            return names.first() is not None

    def _explain(self, error: DatabaseError) -> StoreError:
        cause: Any = error.orig
        text = str(cause)
        if "malformed" in text or "not a database" in text:
            return StoreError(
                f"{self._path} is damaged ({text}); restore it from a backup, or move it away to start afresh"
            )
        if "locked" in text:
            return StoreError(f"{self._path} is locked by another program; close it and try again")
        if "readonly" in text or "disk" in text or "full" in text:
            return StoreError(f"cannot write {self._path} ({text}); free some space or check its permissions")
        return StoreError(f"{self._path}: {text}")


def _newest(connection: Connection, column: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one())
