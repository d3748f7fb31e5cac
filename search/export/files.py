"""Files that are whole or absent: a folder and a zip that appear in one rename; equal content gives equal bytes."""

import hashlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.errors import ExportError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


@contextmanager
def appearing_folder(path: Path) -> Iterator[Path]:
    """A scratch folder beside `path` that becomes `path` when the block ends, or vanishes if it raises.

    A process killed inside the block leaves a hidden `.part-*` folder, never a half-written `path`; the next
    call for the same path removes it.

    Raises:
        ExportError: `path` exists already, or its parent cannot be written.
    """
    if path.exists():
        raise ExportError(f"{path} exists already; choose another --output or remove it first")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.parent / f".part-{path.name}-{os.getpid()}-{secrets.token_hex(4)}"
        _sweep(path)
        scratch.mkdir()
    except OSError as error:
        raise ExportError(f"cannot write in {path.parent}: {error.strerror}; choose another --output") from None
    try:
        yield scratch
        for file in sorted(scratch.iterdir()):
            _sync(file)
        _sync(scratch)
        try:
            scratch.rename(path)
        except OSError as error:
            raise ExportError(f"cannot rename the finished bundle to {path}: {error.strerror}") from None
        _sync(path.parent)
    finally:
        if scratch.exists():
            shutil.rmtree(scratch, ignore_errors=True)


def write_zip(folder: Path, path: Path) -> None:
    """Pack the files of `folder` (flat) into `path`, atomically; equal files give equal bytes.

    Members lie under one top folder named like the bundle, in sorted order, with fixed times and modes.
    """
    _sweep(path)
    scratch = path.parent / f".part-{path.name}-{os.getpid()}"
    try:
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for file in sorted(folder.iterdir()):
                member = zipfile.ZipInfo(f"{folder.name}/{file.name}", _EPOCH)
                member.compress_type = zipfile.ZIP_DEFLATED
                member.external_attr = 0o644 << 16
                member.create_system = 3
                with file.open("rb") as source, archive.open(member, "w", force_zip64=False) as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
        _sync(scratch)
        os.replace(scratch, path)
        _sync(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listing(folder: Path, leave_out: frozenset[str] = frozenset()) -> dict[str, dict[str, str | int]]:
    """Digest and size in bytes of each file of a flat folder, by name, sorted."""
    files = sorted(file for file in folder.iterdir() if file.name not in leave_out)
    return {file.name: {"sha256": sha256(file), "bytes": file.stat().st_size} for file in files}


def listing_digest(files: dict[str, dict[str, str | int]]) -> str:
    """One digest over a listing: sha256 of its `sha256  name` lines, as `sha256sum` prints them."""
    lines = "".join(f"{entry['sha256']}  {name}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _sweep(path: Path) -> None:
    # names carry the process that made them: only the dead ones' leftovers go
    for leftover in path.parent.glob(f".part-{path.name}-*"):
        owner = leftover.name.removeprefix(f".part-{path.name}-").split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
