"""The files of the pages. They are read once, by a fixed list; their address holds a digest of them all.

So a browser may keep them for ever, and a new version is fetched whole: scripts import each other by relative paths
and would otherwise meet siblings of another version.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Static:
    """One file, as it is sent.

    Args:
        kind: its content type.
        plain: its bytes.
        packed: the same, by gzip.
    """

    kind: str
    plain: bytes
    packed: bytes


@cache
def files() -> Mapping[str, Static]:
    """Every file by its path below `static/`; nothing else can be asked for."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in TYPES:
            plain = path.read_bytes()
            found[path.relative_to(FOLDER).as_posix()] = Static(
                TYPES[path.suffix], plain, gzip.compress(plain, 6, mtime=0)
            )
    return found


@cache
def digest() -> str:
    """12 hexadecimal digits of the sha256 of all files and their names."""
    total = hashlib.sha256()
    for name, file in files().items():
        total.update(name.encode() + b"\0" + hashlib.sha256(file.plain).digest())
    return total.hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is.

    Raises:
        KeyError: there is no such file.
    """
    files()[name]
    return f"/static/{digest()}/{name}"


def answer(version: str, name: str, accept_encoding: str) -> Response | None:
    """The file, or None. One asked for under another version is sent, but not to be kept."""
    file = files().get(name)
    if file is None:
        return None
    headers = {"Cache-Control": FOR_EVER if version == digest() else "no-cache", "Vary": "Accept-Encoding"}
    if "gzip" not in accept_encoding:
        return Response(file.plain, headers=headers, media_type=file.kind)
    return Response(file.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.kind)
