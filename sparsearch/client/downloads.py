"""Files of a service: written beside their place, checked against the digest they were announced with, then renamed."""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sparsearch.client.errors import BadAnswer, ClientError, DamagedDownload

if TYPE_CHECKING:
    from sparsearch.client.transport import Download, Transport

_DIGEST = re.compile(r'"?([0-9a-f]{64})"?')
_FILENAME = re.compile(r'filename="?([A-Za-z0-9][A-Za-z0-9._-]{0,150})"?\s*(?:;|$)')


def save(transport: "Transport", path: str, to: Path, name: str) -> Path:
    """Fetch a file.

    Args:
        transport: to the service.
        path: of the file there.
        to: the file to write, or an existing folder to write into under the name that the service gives.
        name: for the folder, where the service gives none.
    Returns:
        The file, whole and checked. What was there before is replaced only then.
    Raises:
        Problem, Unreachable: see `Transport.request`.
        DamagedDownload: it arrived, but is not what was announced.
        BadAnswer: it was announced without a digest.
        ClientError: it cannot be written.
    """
    with transport.download(path) as download:
        digest = _announced(download.headers, path)
        file = to / _name(download.headers, name) if to.is_dir() else to
        scratch = file.with_name(f".part-{file.name}-{secrets.token_hex(4)}")
        try:
            found = _write(download, scratch)
            if found != digest:
                raise DamagedDownload(f"{file.name} arrived with sha256 {found[:12]}, announced was {digest[:12]}")
            os.replace(scratch, file)
        except OSError as error:
            raise ClientError(f"cannot write {file}: {error.strerror}; choose another place") from None
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
    return file


def _write(download: "Download", scratch: Path) -> str:
    """Write all pieces; returns their sha256."""
    digest = hashlib.sha256()
    with scratch.open("xb") as sink:
        for piece in download.pieces:
            digest.update(piece)
            sink.write(piece)
        sink.flush()
        os.fsync(sink.fileno())
    return digest.hexdigest()


def _announced(headers: Mapping[str, str], path: str) -> str:
    match = _DIGEST.fullmatch(headers.get("etag", ""))
    if match is None:
        raise BadAnswer(f"{path} came without its sha256 as ETag, so it cannot be checked; nothing was written")
    return match[1]


def _name(headers: Mapping[str, str], default: str) -> str:
    """A plain file name: nothing of a path comes from a service."""
    match = _FILENAME.search(headers.get("content-disposition", ""))
    return match[1] if match else default
