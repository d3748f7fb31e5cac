"""Is an SQLite file whole? Looked at before it is opened for writing, without changing a byte of it."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from search.errors import StoreError
from search.store.complaints import damaged, explain

WHOLE_BYTES = 256 * 2**20
"""Size up to which every page is looked at (a second or so); of larger files, the searches."""


def refuse_damaged(path: Path) -> None:
    """Check the structure of a file: header, pages, trees. Damage inside of a text shows when it is read.

    Raises:
        StoreError: it is damaged, or no database at all.
    """
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return  # not made yet, or a first start was killed
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
