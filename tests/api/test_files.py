"""Files of the home: only regular ones, only below it, never through a link."""

import os
from pathlib import Path

import pytest

from api.files import Digests, OpenFile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file.txt").write_bytes(b"0123456789")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return folder


def test_reads_what_is_there(root: Path) -> None:
    file = OpenFile(root, "inner", "file.txt")
    assert (file.size, file.read(2, 3), file.read(8, 100)) == (10, b"234", b"89")
    file.close()
    file.close()


def test_keeps_the_bytes_it_opened_when_the_name_is_taken_by_others(root: Path) -> None:
    file = OpenFile(root, "inner", "file.txt")
    (root / "other").write_bytes(b"other")
    os.replace(root / "other", root / "inner" / "file.txt")
    assert file.read(0, 100) == b"0123456789"
    file.close()


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("inner",),  # a folder
        ("inner", "none.txt"),
        ("..", "secret.txt"),
        ("inner", "..", "..", "secret.txt"),
        ("inner/../../secret.txt",),
        ("/etc/passwd",),
        (".hidden",),
        ("inner", "file.txt\0"),
        ("inner", ""),
        ("inner", "file.txt", "x"),
        ("x" * 300,),
    ],
)
def test_refuses_every_other_way(root: Path, parts: tuple[str, ...]) -> None:
    with pytest.raises(FileNotFoundError):
        OpenFile(root, *parts)


def test_follows_no_link_of_a_file_or_a_folder(root: Path) -> None:
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    (root / "inside.txt").symlink_to(root / "inner" / "file.txt")
    (root / "folder").symlink_to(root / "inner")
    for parts in (("link.txt",), ("inside.txt",), ("folder", "file.txt")):
        with pytest.raises(FileNotFoundError):
            OpenFile(root, *parts)


def test_a_pipe_in_place_of_a_file_does_not_hold_anybody(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(FileNotFoundError):
        OpenFile(root, "pipe")


def test_refused_files_are_closed(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        for parts in (("inner",), ("inner", "none"), ("inner", "file.txt", "x")):
            with pytest.raises(FileNotFoundError):
                OpenFile(root, *parts)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_digest_is_computed_anew_when_the_file_has_changed(root: Path) -> None:
    digests, path = Digests(), root / "inner" / "file.txt"

    def digest() -> str:
        file = OpenFile(root, "inner", "file.txt")
        try:
            return digests.of(file)
        finally:
            file.close()

    first = digest()
    assert first == digest() == "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    path.write_bytes(b"012345678X")
    os.utime(path, ns=(1, 1))
    assert digest() != first
