"""Damaged, torn or unwritable files: refused in one line that names file and remedy, and left as they were."""

import random
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from search.errors import StoreError, StoreUnavailable
from search.records import Event
from search.store import Store, damage
from tests.search.store.filling import fill
from tests.search.store.unprivileged import folder_of_nobody, unprivileged
from tests.search.support import job

DAMAGED = r"(sparsearch\.db is damaged|cannot be read) .*restore it from a backup"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "sparsearch.db"
    with Store.open(path) as store:
        fill(store, searches=12, trials=150)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sparsearch.db"


def refuses(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=DAMAGED):
        Store.open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.1])
def test_a_truncated_file_is_refused(path: Path, whole: bytes, kept: float) -> None:
    refuses(path, whole[: int(len(whole) * kept)])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("size", [1, 99, 100, 511, 4095, 4097, 70_000])
def test_what_is_no_database_is_refused(path: Path, size: int, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "WHOLE_BYTES", 0 if large else 2**28)
    refuses(path, random.Random(size).randbytes(size))


def test_a_truncated_large_file_is_refused(path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "WHOLE_BYTES", 0)
    refuses(path, whole[: len(whole) // 2])


def read_all(path: Path) -> None:
    with Store.open(path) as store:
        for row in store.searches(limit=1000):
            store.stored_events(row.id)
            store.page_trials(row.id, size=1000)


def test_a_zeroed_page_is_noticed_at_once_or_when_it_is_read(path: Path, whole: bytes) -> None:
    for page in range(1, len(whole) // 4096, 7):
        start = page * 4096
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        with pytest.raises(StoreError, match=DAMAGED):
            read_all(path)


def test_a_flipped_bit_never_ends_in_a_traceback(path: Path, whole: bytes) -> None:
    rng = random.Random(20261121)
    refused = 0
    for _ in range(60):
        # half of them where the structure is: the first bytes of a page
        page = rng.randrange(len(whole) // 4096)
        place = page * 4096 + (rng.randrange(40) if rng.random() < 0.5 else rng.randrange(4096))
        content = bytearray(whole)
        content[place] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        try:
            read_all(path)
        except StoreError as error:
            refused += 1
            assert "sparsearch.db" in str(error) or "cannot be read" in str(error)
            assert "restore" in str(error) or "backup" in str(error)
        for beside in path.parent.glob("sparsearch.db-*"):
            beside.unlink()
    assert refused > 15


def test_a_file_without_tables_is_a_first_start_that_was_killed(path: Path) -> None:
    for make in (lambda: path.touch(), lambda: sqlite3.connect(path).close()):
        make()
        with Store.open(path) as store:
            assert store.searches() == []
        path.unlink()


def test_a_file_that_is_whole_opens_with_its_log_left_behind(path: Path, whole: bytes) -> None:
    """What kill -9 leaves: the last transactions are in the log beside the file."""
    path.write_bytes(whole)
    store = Store.open(path)
    store.create_search(job().with_id("a"), "t" * 64)
    content, log = path.read_bytes(), path.with_name("sparsearch.db-wal").read_bytes()
    store.close()
    for cut in (0, 7, 5000):  # the end of the log may be torn, too
        path.write_bytes(content)
        path.with_name("sparsearch.db-wal").write_bytes(log[: len(log) - cut])
        with Store.open(path) as store:
            assert len(store.searches(limit=100)) == (13 if cut == 0 else 12)


def attempt(opening: Callable[[Path], Store], path: Path) -> str:
    def work() -> str:
        try:
            opening(path).close()
        except StoreError as error:
            return f"refused: {error}"
        return "opened"

    return unprivileged(work)


def test_a_folder_that_cannot_be_written_is_named(whole: bytes) -> None:
    with folder_of_nobody() as folder:
        path = folder / "sparsearch.db"
        path.write_bytes(whole)
        path.chmod(0o666)
        folder.chmod(0o555)
        said = attempt(Store.open, path)
        assert said.startswith(f"refused: cannot write {path}") and "set SPARSEARCH_HOME" in said
        assert path.read_bytes() == whole
        assert [child.name for child in folder.iterdir()] == ["sparsearch.db"]
        assert attempt(Store.read, path) == "opened"
        folder.chmod(0o755)


def test_a_file_that_cannot_be_written_is_named(whole: bytes) -> None:
    with folder_of_nobody() as folder:
        path = folder / "sparsearch.db"
        path.write_bytes(whole)
        path.chmod(0o444)
        said = attempt(Store.open, path)
        assert said.startswith(f"refused: cannot write {path}: the file is read-only")
        assert path.read_bytes() == whole
        assert attempt(Store.read, path) == "opened"


def test_a_full_disk_is_an_outage_and_no_more(path: Path) -> None:
    with Store.open(path) as store:
        store.create_search(job().with_id("a"), "t" * 64)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        log = path.with_name("sparsearch.db-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 8192, hard))
        try:
            with pytest.raises(StoreUnavailable, match=r"cannot write .*sparsearch\.db .*free some space"):
                store.append("a", [Event("log", {"message": "x" * 100_000})])
            store.check()
            assert [event.kind for event in store.events("a")] == ["state"]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        store.append("a", [Event("log", {"message": "x" * 100_000})])
        assert [event.seq for event in store.events("a")] == [1, 2]
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()
