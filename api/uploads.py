"""Receiving a checkpoint: into a scratch file beside its place, checked, synced, renamed; or nothing is left of it."""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool

from api.problems import Problem, retry_after
from api.weights import Contents, ForeignFileError, WeightsError, check_header, header_length

_SCRATCH = ".upload-"
_CHUNK = 2**20
_SPARE_BYTES = 256 * 2**20
"""The database must stay writable whatever is uploaded."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Received:
    """A checkpoint in its place.

    Args:
        path: `<sha256>.safetensors`.
        sha256: of the file, 64 hexadecimal digits.
        bytes: of the file.
        contents: what its header says.
    """

    path: Path
    sha256: str
    bytes: int
    contents: Contents


def tidy(folder: Path) -> int:
    """Remove scratch files that a killed process left; returns how many."""
    left = list(folder.glob(f"{_SCRATCH}*"))
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


async def receive(stream: AsyncIterator[bytes], folder: Path, announced: int | None) -> Received:
    """Take a file from a request body.

    Args:
        stream: the body.
        folder: where checkpoints live; made if needed.
        announced: its Content-Length.
    Raises:
        Problem: 415 for another kind of file, 422 for a broken one, 503 when the disk cannot take it.
    """
    scratch = folder / f"{_SCRATCH}{secrets.token_hex(8)}"
    try:
        file = await run_in_threadpool(_open, scratch, announced or 0)
        with file:
            digest = await _write(stream, file)
            return await run_in_threadpool(_finish, file, scratch, digest)
    except ForeignFileError as error:
        raise Problem("unsupported-media", 415, str(error), headers={"Connection": "close"}) from None
    except WeightsError as error:
        raise Problem(
            "invalid-request", 422, f"not a safetensors file: {error}", headers={"Connection": "close"}
        ) from None
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _no_room(error.strerror) from None
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def _open(scratch: Path, announced: int) -> IO[bytes]:
    scratch.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(scratch.parent).free
    if free < announced + _SPARE_BYTES:
        raise _no_room(f"{free:,} bytes are free")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(scratch, flags, 0o600), "w+b", buffering=0)


async def _write(stream: AsyncIterator[bytes], file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    pending = bytearray()
    judged = False

    def put(data: bytes) -> None:
        digest.update(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]

    async for part in stream:
        pending += part
        if not judged and len(pending) >= 8:
            header_length(bytes(pending[:8]))  # before gigabytes of something else arrive
            judged = True
        if len(pending) >= _CHUNK:
            await run_in_threadpool(put, bytes(pending))
            pending.clear()
    if not judged:
        header_length(bytes(pending))
    await run_in_threadpool(put, bytes(pending))
    return digest.hexdigest()


def _finish(file: IO[bytes], scratch: Path, sha256: str) -> Received:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = header_length(file.read(8))
    header = file.read(length)
    if len(header) < length:
        raise WeightsError(f"the file ends inside its header, after {size} bytes")
    contents = check_header(header, size - 8 - length)
    os.fsync(file.fileno())
    place = scratch.with_name(f"{sha256}.safetensors")
    os.replace(scratch, place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return Received(place, sha256, size, contents)


def _no_room(why: str | None) -> Problem:
    return Problem(
        "not-ready", 503, f"the server's disk cannot take the file ({why}); nothing was stored", headers=retry_after(60)
    )
