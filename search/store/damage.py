"""Is an SQLite file whole? Looked at before it is opened for writing, without changing a byte of it."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from search.errors import StoreError
from search.store.complaints import damaged, explain

WHOLE_BYTES = 256 * 2**20
"""Size up to which every page is looked at (a second or so); of larger files, the searches."""

_MAGIC = b"SQLite format 3\0"

_ROWS = (
    ("searches", "job", "id"),
    ("searches", "answer", "id"),
    ("searches", "labels", "id"),
    ("events", "data", "search_id || ', event ' || seq"),
    ("trials", "plan", "search_id || ', trial ' || number"),
    ("evaluations", "record", "search_id"),
    ("measurements", "record", "search_id"),
    ("latency_models", "model", "search_id"),
    ("exports", "record", "search_id"),
)
"""Columns that hold JSON, and what names a row of each."""


def refuse_foreign(path: Path) -> None:
    """Check the first bytes and the size: SQLite would take a very short file for an empty database, and not notice
    when the last page is torn.

    Raises:
        StoreError: it is no database, or its end is missing.
    """
    with path.open("rb") as file:
        begin = file.read(18)
    if not begin:
        return  # not made yet, or a first start was killed
    if begin[:16] != _MAGIC or len(begin) < 18:
        raise StoreError(damaged(str(path), "it does not begin as a database does"))
    size = int.from_bytes(begin[16:18], "big")
    page = 65536 if size == 1 else max(size, 1)
    log = path.with_name(path.name + "-wal")
    # whoever was killed while the log was copied into the file has left the log, which is copied again
    if path.stat().st_size % page and not (log.exists() and log.stat().st_size):
        raise StoreError(damaged(str(path), "its end is missing"))


def refuse_damaged(path: Path) -> None:
    """Check a file: header, pages, trees, and that no row holds half a JSON text. Other damage inside of a text shows
    when it is read.

    Raises:
        StoreError: it is damaged, or no database at all.
    """
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return  # not made yet, or a first start was killed
    refuse_foreign(path)
    whole = size <= WHOLE_BYTES
    check = "PRAGMA quick_check(1)" if whole else "PRAGMA quick_check(searches)"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    try:
        said = connection.execute(check).fetchone()[0]
        if said == "ok":
            said = _torn(connection, whole) or said
    except sqlite3.DatabaseError as error:
        # of large files of other programs, and of those that a first start left without tables
        if "no such table" not in str(error):
            raise explain(str(path), str(error)) from None
        said = "ok"
    finally:
        connection.close()
    if said != "ok":
        raise StoreError(damaged(str(path), " ".join(said.split())))


def _torn(connection: sqlite3.Connection, whole: bool) -> str | None:
    """The first row that holds no JSON where JSON belongs."""
    for table, column, name in _ROWS:
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if column not in known or not (whole or table == "searches"):  # an older schema, or too much to read
            continue
        torn = f"{column} IS NOT NULL AND NOT json_valid({column})"
        row = connection.execute(f"SELECT {name} FROM {table} WHERE {torn} LIMIT 1").fetchone()
        if row is not None:
            return f"search {row[0]}, cannot be read ({column} of {table} is no JSON): the file was left as it is"
    return None
