"""A damaged or unwritable store: the service says which file and what to do, and leaves every byte as it was."""

import ctypes
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from search.home import Home
from search.store import Store
from tests.api.support import ROOT
from tests.search.support import SPACE, evaluation_event, job

REFUSED = 4
"""The exit code of what is broken (`sparsearch.failures`)."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A closed database of some pages, all in one file."""
    path = Home(tmp_path / "home").database
    with Store.open(path) as store:
        for name in ("a", "b", "c"):
            store.create_search(job().with_id(name), "t" * 64)
            for number, plan in enumerate((SPACE.dense, SPACE.sparsest)):
                store.append(name, [evaluation_event(number, plan, 40.0)])
    assert not path.with_name(path.name + "-wal").exists()
    return path


def serve(home: Path, prepare: Callable[[], None] | None = None) -> "subprocess.CompletedProcess[str]":
    """Start the service, which is expected to refuse."""
    environment = {**os.environ, "SPARSEARCH_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "sparsearch", "serve", "--port", "0"]
    return subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=60, preexec_fn=prepare
    )


def obey_permissions() -> None:
    """Give up what lets root write into any folder: CAP_DAC_OVERRIDE, from this process on."""
    drop, override = 24, 1
    if os.getuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(drop, override, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot give up CAP_DAC_OVERRIDE")


def cut_in_half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_inside_a_page(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-100])


def flip_the_magic(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 0x10
    path.write_bytes(data)


def flip_a_bit_in_every_page(path: Path) -> None:
    """The type byte of each tree page but the first: what a bad disk or cable does."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    for page in range(size, len(data), size):
        data[page] ^= 0x08
    path.write_bytes(data)


def overwrite_with_text(path: Path) -> None:
    path.write_text("this was my shopping list\n" * 100)


def tear_a_row(path: Path) -> None:
    """Half of the JSON of one event."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE events SET data = substr(data, 1, length(data) / 2) WHERE search_id = 'b' AND seq = 2"
        )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


DAMAGES = [cut_in_half, cut_inside_a_page, flip_the_magic, flip_a_bit_in_every_page, overwrite_with_text, tear_a_row]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_database_is_refused_and_left_alone(database: Path, damage: Callable[[Path], None]) -> None:
    damage(database)
    before = database.read_bytes()
    ended = serve(database.parent)
    assert ended.returncode == REFUSED, ended.stderr
    message = ended.stderr.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert str(database) in message
    assert "restore" in message, "the remedy"
    assert "Traceback" not in ended.stderr
    assert database.read_bytes() == before


def test_intact_database_is_not_refused(database: Path) -> None:
    """The counterpart: what refuses the damaged ones is their damage."""
    with Store.open(database) as store:
        assert [row.id for row in store.searches()] == ["c", "b", "a"]


def test_read_only_folder_is_refused_and_left_alone(database: Path) -> None:
    home, before = database.parent, database.read_bytes()
    names = sorted(path.name for path in home.iterdir())
    home.chmod(0o555)
    database.chmod(0o444)
    try:
        ended = serve(home, obey_permissions)
    finally:
        home.chmod(0o755)
    assert ended.returncode == REFUSED, ended.stderr
    message = ended.stderr.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert str(home) in message
    assert "SPARSEARCH_HOME" in message or "permission" in message, "the remedy"
    assert database.read_bytes() == before
    assert sorted(path.name for path in home.iterdir()) == names
