"""What the store asks of a database: transactions that write, one at a time, and reads that never wait for them."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection

from search.errors import StoreError

_SCHEMES = ("postgresql", "postgresql+psycopg", "postgres")


class Database(ABC):
    """An open database. Its methods may be called from any thread."""

    name: str
    """What messages call it: a path, or a URL without its password."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that no other writer is beside; committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: it cannot be reached or written now.
            StoreError: it is open for reading only, or damaged.
        """

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the database, and cannot change it.

        Raises:
            StoreUnavailable: it cannot be reached now.
            StoreError: it is damaged.
        """

    @abstractmethod
    def close(self) -> None:
        """End every connection, and let another process write; may be called twice."""


def is_url(location: Path | str) -> bool:
    """Whether a location is a database URL and no path.

    Raises:
        StoreError: it is the URL of something that is no PostgreSQL database.
    """
    scheme, separator, _ = str(location).partition("://")
    if isinstance(location, Path) or not separator:
        return False
    if scheme not in _SCHEMES:
        raise StoreError(
            f"a database is the path of an SQLite file or postgresql://user@host/database; got one of {scheme!r}"
        )
    return True
