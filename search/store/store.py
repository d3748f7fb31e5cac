"""Reading and writing searches: every batch of events is one transaction, with everything that follows from it."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from search.errors import QueueFull, StateConflict, StoreError, UnknownSearch
from search.records import TERMINAL, Event, Job
from search.store import effects, idempotency, schema
from search.store.database import Database
from search.store.decoding import checkpoint_row, search_row
from search.store.opening import open_reader, open_writer
from search.store.readable import stamp
from search.store.reading import Reading
from search.store.rows import CheckpointRow, Created, IdempotencyKey, SearchRow, pack, plain

_OWNED = (schema.events, schema.trials, schema.measurements, schema.exports, schema.idempotency)
"""Tables whose rows go with their search; the archive and latency models belong to its target."""


class Store(Reading):
    """The database of one state home. Use as a context manager, or call `close`.

    Any thread may call any method: writes take turns, reads do not wait for them.

    Args:
        database: opened by `open` or `read`.
        now: the clock.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    @classmethod
    def open(cls, location: Path | str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> "Store":
        """The one writer of a database, whose tables are made and migrated as needed.

        Args:
            location: path of an SQLite file (made if it is not there), or postgresql://user@host/database.
            now: the clock.
        Raises:
            StoreUnavailable: it cannot be reached now.
            StoreError: another process writes it, it is damaged, it is on a network file system, or it was
                written by a newer version.
        """
        return cls(open_writer(location), now)

    @classmethod
    def read(cls, location: Path | str) -> "Store":
        """A reader beside the writer; sees an empty store where there is none.

        A database of an older version is migrated first, if nobody is writing it.

        Raises:
            StoreUnavailable: it cannot be reached now.
            StoreError: it is damaged, or was written by a newer version.
        """
        return cls(open_reader(location), lambda: datetime.now(UTC))

    def create_search(
        self, job: Job, target_digest: str, *, key: IdempotencyKey | None = None, queue_cap: int | None = None
    ) -> Created:
        """Store a request (with its id set) in the state `queued`. Durable when this returns.

        Args:
            job: the request.
            target_digest: key of the archive it reads and feeds.
            key: the same one within 48 hours gives the search that it has made.
            queue_cap: searches that may wait.
        Raises:
            QueueFull: as many wait already.
            IdempotencyMismatch: the key came with another request.
            StoreError: the id exists.
        """
        searches, now = schema.searches, self._now()
        with self._database.writing() as connection:
            made = None if key is None else idempotency.find(connection, key, now)
            if made is not None:
                return Created(_row(connection, made), replayed=True)
            if queue_cap is not None:
                waiting = select(func.count()).where(searches.c.state == "queued")
                if connection.execute(waiting).scalar_one() >= queue_cap:
                    raise QueueFull(queue_cap)
            if connection.execute(select(searches.c.id).where(searches.c.id == job.id)).first():
                raise StoreError(f"search {job.id} exists already in {self._database.name}")
            connection.execute(insert(searches).values(_values(connection, job, target_digest, stamp(now))))
            event = Event("state", {"state": "queued", "message": ""})
            effects.append(connection, job.id, event, stamp(now))
            if key is not None:
                idempotency.remember(connection, key, job.id, now)
            return Created(_row(connection, job.id), replayed=False)

    def append(self, search_id: str, events: Sequence[Event]) -> list[Event]:
        """Commit events and everything that follows from them; returns them numbered.

        A keyed event that the search has already is left out. Durable when this returns.

        Raises:
            UnknownSearch: there is no such search.
        """
        at = stamp(self._now())
        with self._database.writing() as connection:
            _state(connection, search_id)
            written = [effects.append(connection, search_id, event, at) for event in events]
        return [event for event in written if event is not None]

    def change_state(self, search_id: str, allowed: Collection[str], state: str, message: str) -> SearchRow:
        """Change the state if it is one of `allowed`, and say so in an event, in one transaction.

        Raises:
            UnknownSearch: there is no such search.
            StateConflict: it is in another state.
        """
        with self._database.writing() as connection:
            _demand(connection, search_id, allowed)
            event = Event("state", {"state": state, "message": message})
            effects.append(connection, search_id, event, stamp(self._now()))
            return _row(connection, search_id)

    def delete_search(self, search_id: str) -> None:
        """Forget an ended search. Its evaluations and latency models stay: they belong to the target.

        Raises:
            UnknownSearch: there is no such search.
            StateConflict: it has not ended.
        """
        with self._database.writing() as connection:
            _demand(connection, search_id, TERMINAL)
            for table in _OWNED:
                connection.execute(delete(table).where(table.c.search_id == search_id))
            connection.execute(delete(schema.searches).where(schema.searches.c.id == search_id))

    def count_attempt(self, search_id: str) -> int:
        """Note that a runner process is being started; returns how many there have been."""
        searches = schema.searches
        with self._database.writing() as connection:
            connection.execute(
                update(searches).where(searches.c.id == search_id).values(attempts=searches.c.attempts + 1)
            )
            query = select(searches.c.attempts).where(searches.c.id == search_id)
            return int(connection.execute(query).scalar_one())

    def add_checkpoint(self, sha256: str, name: str, bytes: int, tensors: int) -> CheckpointRow:
        """Note an uploaded checkpoint; the row that is there already if it has the same bytes.

        Args:
            sha256: of the file, 64 hexadecimal digits.
            name: what its owner calls it.
            bytes: size of the file.
            tensors: tensors in it.
        """
        table = schema.checkpoints
        found = select(table).where(table.c.sha256 == sha256)
        with self._database.writing() as connection:
            if (row := connection.execute(found).first()) is None:
                values = {"id": sha256[:16], "sha256": sha256, "name": plain(name), "bytes": bytes, "tensors": tensors}
                connection.execute(insert(table).values(**values, created_at=stamp(self._now())))
                row = connection.execute(found).one()
            return checkpoint_row(row)

    def close(self) -> None:
        """Close the database and let another process write it; may be called twice."""
        self._database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._database.reading()


def _row(connection: Connection, search_id: str) -> SearchRow:
    return search_row(connection.execute(select(schema.searches).where(schema.searches.c.id == search_id)).one())


def _state(connection: Connection, search_id: str) -> str:
    query = select(schema.searches.c.state).where(schema.searches.c.id == search_id)
    state: str | None = connection.execute(query).scalar_one_or_none()
    if state is None:
        raise UnknownSearch(f"there is no search {search_id!r}")
    return state


def _demand(connection: Connection, search_id: str, allowed: Collection[str]) -> None:
    if (state := _state(connection, search_id)) not in allowed:
        raise StateConflict(state, allowed)


def _values(connection: Connection, job: Job, target_digest: str, at: str) -> dict[str, Any]:
    return {
        "id": job.id,
        "created_at": at,
        "updated_at": at,
        "state": "queued",
        "message": "",
        "target": job.target,
        "target_digest": target_digest,
        "sampler": job.sampler,
        "device": job.setting.device,
        "attempts": 0,
        "job": pack(job.to_dict()),
        "evaluations_upto": _newest(connection, schema.evaluations.c.id),
        "models_upto": _newest(connection, schema.latency_models.c.id),
        "name": job.name,
        "labels": pack(job.labels),
    }


def _newest(connection: Connection, column: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one())
