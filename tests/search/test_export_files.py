"""Folders and zips that are whole or absent, with bytes that depend on content only."""

import os
import zipfile
from pathlib import Path

import pytest

from search.errors import ExportError
from search.export.files import appearing_folder, listing, listing_digest, sha256, write_zip


def _folder(parent: Path, name: str = "bundle") -> Path:
    path = parent / name
    with appearing_folder(path) as scratch:
        (scratch / "b.txt").write_text("two")
        (scratch / "a.txt").write_text("one")
        assert not path.exists()
    return path


def test_a_folder_appears_only_when_its_block_ends(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    assert sorted(file.name for file in path.iterdir()) == ["a.txt", "b.txt"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), appearing_folder(tmp_path / "bundle") as scratch:
        (scratch / "a.txt").write_text("one")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    with pytest.raises(ExportError, match="exists already"), appearing_folder(path):
        pass
    assert (path / "a.txt").read_text() == "one"


def test_leftovers_of_a_dead_process_are_removed_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    dead = tmp_path / ".part-bundle-999999999-aaaa"
    living = tmp_path / f".part-bundle-{os.getppid()}-bbbb"
    other = tmp_path / ".part-other-999999999-cccc"
    for path in (dead, living, other):
        path.mkdir()
    _folder(tmp_path)
    assert not dead.exists() and living.exists() and other.exists()


def test_a_parent_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="choose another --output"), appearing_folder(tmp_path / "file" / "bundle"):
        pass


def test_equal_files_give_equal_zip_bytes_whatever_their_times(tmp_path: Path) -> None:
    one, two = _folder(tmp_path / "x"), _folder(tmp_path / "y")
    os.utime(two / "a.txt", (1e9, 1e9))
    os.chmod(two / "b.txt", 0o600)
    write_zip(one, tmp_path / "one.zip")
    write_zip(two, tmp_path / "two.zip")
    assert sha256(tmp_path / "one.zip") == sha256(tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["bundle/a.txt", "bundle/b.txt"]
        assert archive.testzip() is None


def test_a_listing_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    path = _folder(tmp_path)
    files = listing(path, leave_out=frozenset({"b.txt"}))
    assert list(files) == ["a.txt"] and files["a.txt"]["bytes"] == 3
    # printf one | sha256sum, then sha256sum of that line
    assert files["a.txt"]["sha256"] == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    changed = {"a.txt": {**files["a.txt"], "sha256": "0" * 64}}
    assert listing_digest(files) != listing_digest(changed)
