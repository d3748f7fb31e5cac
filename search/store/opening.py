"""Opening a database: what it is, whether it is whole, and of which version."""

import os
from pathlib import Path

from search.errors import StoreError
from search.store.damage import refuse_damaged, refuse_foreign
from search.store.database import Database, is_url
from search.store.migrate import refuse_unknown, upgrade, version
from search.store.postgres import Postgres
from search.store.schema import HEAD
from search.store.sqlite import Empty, Sqlite
from search.store.writer_lock import WriterLock, refuse_network


def open_writer(location: Path | str) -> Database:
    """See `Store.open`."""
    database = Postgres(str(location), write=True) if is_url(location) else _sqlite_writer(Path(location))
    try:
        with database.writing() as connection:
            upgrade(connection, database.name)
    except BaseException:
        database.close()
        raise
    return database


def open_reader(location: Path | str) -> Database:
    """See `Store.read`."""
    if not is_url(location) and not Path(location).exists():
        return Empty(str(location))
    database = _reader(location)
    found = _version(database)
    if found == HEAD:
        return database
    database.close()
    if found is None:  # what a killed first start leaves
        return Empty(database.name)
    open_writer(location).close()
    return _reader(location)


def _reader(location: Path | str) -> Database:
    if is_url(location):
        return Postgres(str(location), write=False)
    refuse_foreign(Path(location))
    return Sqlite(Path(location), None)


def _sqlite_writer(path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_network(path.resolve())
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(None, "the file is read-only")
        lock = WriterLock(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; set SPARSEARCH_HOME to a writable folder") from None
    try:
        refuse_damaged(path)
    except BaseException:
        lock.release()
        raise
    return Sqlite(path, lock)


def _version(database: Database) -> str | None:
    """Revision of the schema; closes a database that cannot be read here."""
    try:
        with database.reading() as connection:
            found = version(connection)
        refuse_unknown(found, database.name)
    except BaseException:
        database.close()
        raise
    return found
