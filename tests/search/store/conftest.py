"""A store on each database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from search.store import Store

DIGEST = "t" * 64


class Clock:
    """A clock that is advanced by hand, and a little by itself."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def advance(self, hours: float) -> None:
        self.now += timedelta(hours=hours)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database may be made."""
    if request.param == "sqlite":
        return tmp_path / "home" / "sparsearch.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(location: Path | str, clock: Clock) -> Iterator[Store]:
    """A new, empty store on each database."""
    with Store.open(location, clock) as opened:
        yield opened
