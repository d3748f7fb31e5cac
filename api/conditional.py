"""Conditional and partial requests: entity tags and one byte range. Rubbish in these headers is as if it was absent."""

import hashlib
import re

from api.problems import Problem

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"\s*(\d{0,19})\s*-\s*(\d{0,19})\s*")
_LONGEST = 4096


def etag_of(body: bytes) -> str:
    """The entity tag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether a client has the entity already (If-None-Match, weak comparison)."""
    if if_none_match is None or len(if_none_match) > _LONGEST:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def byte_range(header: str | None, if_range: str | None, etag: str, size: int) -> tuple[int, int] | None:
    """The bytes that a client asks for, as (first, behind the last); None: all of them.

    Args:
        header: Range.
        if_range: If-Range: the range counts only if this is the entity's tag.
        etag: of the entity.
        size: of the entity, bytes.
    Raises:
        Problem: 416, several ranges, or one outside the entity.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return None
    unit, equals, asked = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return None
    if "," in asked:
        raise _unsatisfiable("several ranges are not served; ask for one", size)
    found = _RANGE.fullmatch(asked)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), size if not last else min(size, int(last) + 1)
        if last and int(last) < int(first):
            return None  # no valid range, so the header does not count
    if start >= stop:
        raise _unsatisfiable(f"bytes {asked.strip()[:40]} lie outside", size)
    return start, stop


def _unsatisfiable(what: str, size: int) -> Problem:
    headers = {"Content-Range": f"bytes */{size}"}
    return Problem("range-not-satisfiable", 416, f"{what}; there are {size} bytes", headers=headers)
