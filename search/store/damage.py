"""Is an SQLite file whole? Looked at before it is opened for writing, without changing a byte of it."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from search.errors import StoreError
from search.store.complaints import damaged, explain

WHOLE_BYTES = 256 * 2**20
"""Size up to which every page is looked at (a second or so); of larger files, the searches."""


_MAGIC = b"SQLite format 3\0"


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
    """Check the structure of a file: header, pages, trees. Damage inside of a text shows when it is read.

    Raises:
        StoreError: it is damaged, or no database at all.
    """
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return  # not made yet, or a first start was killed
    refuse_foreign(path)
    check = "PRAGMA quick_check(1)" if size <= WHOLE_BYTES else "PRAGMA quick_check(searches)"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    try:
        said = connection.execute(check).fetchone()[0]
    except sqlite3.DatabaseError as error:
        # of large files of other programs, and of those that a first start left without tables
        if "no such table" not in str(error):
            raise explain(str(path), str(error)) from None
        said = "ok"
    finally:
        connection.close()
    if said != "ok":
        raise StoreError(damaged(str(path), " ".join(said.split())))
