"""Page tokens: where the next page of a list begins, signed, and good for the same list and filters only."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from api.problems import Problem

KEY_BYTES = 32
_TAG_BYTES = 16
_LONGEST = 1024


class PageTokens:
    """Makes and reads page tokens.

    Args:
        key: secret of this home.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, filters: Mapping[str, object], after: tuple[object, ...] | None) -> str | None:
        """The token of the page after row `after`; None: there is none.

        Args:
            filters: the list and what was filtered by, JSON values.
            after: the store's own position.
        """
        if after is None:
            return None
        place = json.dumps(after, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(filters, place) + place).rstrip(b"=").decode()

    def read(self, filters: Mapping[str, object], token: str | None) -> tuple[object, ...] | None:
        """The position that a token stands for.

        Raises:
            Problem: 400 bad-page-token: changed, cut, or of another list or filter.
        """
        if token is None:
            return None
        raw = b""
        if len(token) <= _LONGEST and token.isascii():
            with contextlib.suppress(ValueError):
                raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        tag, place = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        # the spare bits of the last character must be as they were made, too
        whole = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token
        if not whole or not hmac.compare_digest(tag, self._tag(filters, place)):
            raise Problem(
                "bad-page-token",
                400,
                "page_token is not one that this list gave with these filters; begin again without it",
            )
        return tuple(json.loads(place))

    def _tag(self, filters: Mapping[str, object], place: bytes) -> bytes:
        about = json.dumps(filters, sort_keys=True).encode()
        return hmac.digest(self._key, len(about).to_bytes(4, "big") + about + place, hashlib.sha256)[:_TAG_BYTES]


def key_of(home: Path) -> bytes:
    """The key of a home, made when it is first needed; readable by the owner alone."""
    path = home / "page-token.key"
    with contextlib.suppress(FileNotFoundError):
        found = path.read_bytes()
        if len(found) == KEY_BYTES:
            return found
    home.mkdir(parents=True, exist_ok=True)
    scratch = home / f".page-token.key.{os.getpid()}.{secrets.token_hex(4)}"
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
    os.replace(scratch, path)
    return path.read_bytes()
