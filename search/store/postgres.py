"""How we open PostgreSQL: one writing session per database, which holds an advisory lock, and a pool of readers.

A session that is lost is opened anew when it is next needed, and takes the lock again: who lost it to another
process meanwhile is refused. Passwords are in no message.
"""

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, TimeoutError
from sqlalchemy.pool import QueuePool

from search.errors import StoreError, StoreUnavailable
from search.store.database import Database

PATIENCE_S = 5.0
"""How long a writer waits for the one before it to end, as in a restart."""

_READERS = 8
_WRITER_LOCK = 0x53504152
"""First half of the advisory lock's number ("SPAR"); the second is made from the schema."""

_LIMITS = {"statement_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
_READING = {"default_transaction_read_only": "on", "default_transaction_isolation": "repeatable read"}
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms
}

_LOCK = "SELECT pg_try_advisory_lock(%(lock)s, hashtext(coalesce(current_schema(), '')) & 2147483647)"
_HOLDER = """
    SELECT l.pid, coalesce(a.application_name, ''), coalesce(a.client_addr::text, 'a local socket')
    FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %(lock)s AND l.objsubid = 2
      AND l.objid = (hashtext(coalesce(current_schema(), '')) & 2147483647)
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Postgres(Database):
    """A PostgreSQL database.

    Args:
        location: postgresql://user:password@host:port/database.
        write: whether to become its one writer.
    Raises:
        StoreError: the location is no such URL.
    """

    def __init__(self, location: str, *, write: bool) -> None:
        url = _parse(location)
        self.name = _public(url)
        self._password = str(url.password or "")
        self._application = f"sparsearch {os.getpid()} {secrets.token_hex(4)}"
        self._writer = self._engine(url, 1, 0) if write else None
        if self._writer is not None:
            event.listen(self._writer, "connect", self._become_writer)
        self._reader = self._engine(url, _READERS, _READERS)
        event.listen(self._reader, "connect", lambda connection, _record: _set(connection, _READING))
        self._turn = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See `Database.writing`."""
        if self._writer is None:
            raise StoreError(f"cannot write {self.name}: it is open for reading only, or closed")
        with self._turn, self._explained(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See `Database.reading`."""
        with self._explained(), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """See `Database.close`."""
        self._reader.dispose()
        with self._turn:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.dispose()

    def _engine(self, url: URL, size: int, more: int) -> Engine:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=more,
            pool_timeout=10.0,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={**_NETWORK, "application_name": self._application},
        )
        event.listen(engine, "connect", lambda connection, _record: _set(connection, _LIMITS))
        return engine

    def _become_writer(self, connection: Any, _record: Any) -> None:
        """Take the writer's lock for a new session, or close it and say who has the lock."""
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not _ask(connection, _LOCK)[0]:
                holder = _ask(connection, _HOLDER)
                if holder is not None and holder[1] == self._application:
                    # a session of ours that was cut off, and whose end the server has not noticed
                    connection.execute("SELECT pg_terminate_backend(%s)", (holder[0],))
                if time.monotonic() > deadline:
                    raise StoreError(_in_use(self.name, holder))
                connection.commit()
                time.sleep(0.05)
            connection.commit()
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what PostgreSQL says into what to do."""
        import psycopg

        try:
            yield
        except TimeoutError:
            raise StoreUnavailable(f"{self.name} is busy: every connection is in use; try again in a moment") from None
        except psycopg.Error as error:  # while a connection is being set up
            raise self._unavailable(error) from None
        except DBAPIError as error:
            passing = isinstance(error.orig, psycopg.OperationalError | psycopg.InterfaceError)
            if passing or error.connection_invalidated:
                raise self._unavailable(error.orig) from None
            raise StoreError(f"{self.name}: {self._said(error.orig)}") from None

    def _unavailable(self, error: object) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.name} cannot be used now ({self._said(error)}); check that the server is up and the URL is right"
        )

    def _said(self, error: object) -> str:
        said = " ".join(str(error).split())[:300]
        return said.replace(self._password, "***") if self._password else said


def _parse(location: str) -> URL:
    try:
        url = make_url(location.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        # the cause would quote the password
        raise StoreError(
            "the database URL cannot be read; write it as postgresql://user:password@host:5432/database, "
            "with special characters of the password as %XX"
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _public(url: URL) -> str:
    """What messages call the database; a query may hold a password too."""
    user = f"{url.username}@" if url.username else ""
    host = url.query.get("host", "") if url.host is None else url.host
    port = "" if url.port is None else f":{url.port}"
    return f"postgresql://{user}{host if isinstance(host, str) else ','.join(host)}{port}/{url.database or ''}"


def _set(connection: Any, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.commit()


def _ask(connection: Any, query: str) -> Any:
    return connection.execute(query, {"lock": _WRITER_LOCK}).fetchone()


def _in_use(name: str, holder: Any) -> str:
    who = "another process"
    if holder is not None:
        process, application, address = holder
        who = f"{application or who} (server process {process}, from {address})"
    return (
        f"{name} is in use by {who}: one process writes a database at a time; "
        f"stop it, or give this one a database of its own"
    )
