"""The base of all questions to the store."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection


class Readable(ABC):
    """Something that can be read."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...


def stamp(moment: datetime) -> str:
    """A moment as it is stored. Of fixed width, so that texts sort as moments do, in every collation."""
    return moment.isoformat(timespec="microseconds")
