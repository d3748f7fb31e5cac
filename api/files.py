"""Files of the state home as answers: found by names that the server made, opened without following links, streamed."""

import hashlib
import os
import re
import stat
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.conditional import byte_range, matches

CHUNK = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")


class OpenFile:
    """A regular file below a folder, open for reading. Its bytes stay what they are, whatever happens to the name.

    Args:
        root: the folder.
        parts: names below it, the last one the file's.
    Raises:
        FileNotFoundError: there is no such file, or the way to it leads elsewhere.
    """

    def __init__(self, root: Path, *parts: str) -> None:
        if not parts or not all(_NAME.fullmatch(part) for part in parts):
            raise FileNotFoundError(f"no file {'/'.join(parts)!r} below {root}")
        self.handle = _open(root, parts)
        found = os.fstat(self.handle)
        if not stat.S_ISREG(found.st_mode) or not root.joinpath(*parts).resolve().is_relative_to(root.resolve()):
            os.close(self.handle)
            raise FileNotFoundError(f"{'/'.join(parts)!r} below {root} is no regular file")
        self.size = found.st_size
        self.identity = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def read(self, offset: int, most: int) -> bytes:
        """Up to `most` bytes from `offset`."""
        return os.pread(self.handle, most, offset)

    def sha256(self) -> str:
        """Hex digest of all of it."""
        digest, offset = hashlib.sha256(), 0
        while chunk := self.read(offset, CHUNK):
            digest.update(chunk)
            offset += len(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        """Close it; may be called twice."""
        handle, self.handle = self.handle, -1
        if handle >= 0:
            os.close(handle)


class Digests:
    """sha256 of files, computed again only when a file has changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int], str] = {}
        self._lock = threading.Lock()

    def of(self, file: OpenFile) -> str:
        """The digest of an open file."""
        with self._lock:
            found = self._known.get(file.identity)
        if found is None:
            found = file.sha256()
            with self._lock:
                if len(self._known) >= 4096:
                    self._known.clear()
                self._known[file.identity] = found
        return found


def file_answer(
    file: OpenFile,
    digest: str,
    *,
    name: str,
    media_type: str,
    inline: bool,
    asked: Mapping[str, str],
    head: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that carries a file, closes it, and honours If-None-Match, Range and If-Range.

    Args:
        file: what to send.
        digest: its sha256: the entity tag.
        name: file name for the client.
        media_type: of the content.
        inline: whether a browser may show it instead of saving it.
        asked: headers of the request.
        head: whether only the headers are wanted.
        headers: further headers.
    Raises:
        Problem: 416, the range cannot be served.
    """
    etag = f'"{digest}"'
    told = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'{"inline" if inline else "attachment"}; filename="{_safe(name)}"',
        **(headers or {}),
    }
    try:
        if matches(asked.get("if-none-match"), etag):
            file.close()
            return Response(status_code=304, headers=told)
        span = byte_range(asked.get("range"), asked.get("if-range"), etag, file.size)
    except BaseException:
        file.close()
        raise
    start, stop = span or (0, file.size)
    told["Content-Length"] = str(stop - start)
    if span is not None:
        told["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    status = 200 if span is None else 206
    if head:
        file.close()
        return Response(status_code=status, headers=told, media_type=media_type)
    return _FileStream(file, start, stop, status, told, media_type)


class _FileStream(StreamingResponse):
    def __init__(
        self, file: OpenFile, start: int, stop: int, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(_chunks(file, start, stop), status, headers, media_type)
        self._file = file

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        """Send it; the file is closed however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


async def _chunks(file: OpenFile, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        chunk = await run_in_threadpool(file.read, start, min(CHUNK, stop - start))
        if not chunk:
            return  # it was cut meanwhile; the length that was promised tells the client
        start += len(chunk)
        yield chunk


def _open(root: Path, parts: tuple[str, ...]) -> int:
    flags = os.O_RDONLY | os.O_CLOEXEC
    folder = os.open(root, flags | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # not blocking: a pipe in place of the file must not hold us
        return os.open(parts[-1], flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise FileNotFoundError(f"cannot open {'/'.join(parts)!r} below {root}: {error.strerror}") from None
    finally:
        os.close(folder)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:200]
