"""Idempotency keys: a request that is sent twice happens once.

Follows draft-ietf-httpapi-idempotency-key-header-07: 400 for a key that is none, 409 while the first request is being
answered, 422 for a key that came with another request; a repetition gets the first answer.
"""

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator

from pydantic import BaseModel

from api.problems import FieldError, Problem, retry_after
from search.store.rows import IdempotencyKey

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(header: str | None, body: BaseModel) -> IdempotencyKey | None:
    """The key of a request; None: it has none.

    Raises:
        Problem: 400, the header is no key.
    """
    if header is None:
        return None
    if not _KEY.fullmatch(header):
        detail = f"must be 1 to 255 visible ASCII characters; got {len(header)}, or others among them"
        errors = [FieldError("header/idempotency-key", detail)]
        raise Problem("invalid-request", 400, f"Idempotency-Key {detail}", errors=errors)
    return IdempotencyKey(header, fingerprint(body))


def fingerprint(body: BaseModel) -> str:
    """sha256 of a request, equal for bodies that ask for the same, however they are written."""
    # the fields come in the order of the schema; labels in any order mean the same
    text = body.model_dump_json()
    if labels := getattr(body, "labels", None):
        text = body.model_copy(update={"labels": dict(sorted(labels.items()))}).model_dump_json()
    return hashlib.sha256(text.encode()).hexdigest()


class InFlight:
    """The keys of requests that are being answered."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, key: IdempotencyKey | None) -> Iterator[None]:
        """Answer the request of a key inside the block.

        Raises:
            Problem: 409 idempotency-in-flight, another request with the key is in its block.
        """
        if key is None:
            yield
            return
        with self._lock:
            if key.key in self._keys:
                raise Problem(
                    "idempotency-in-flight",
                    409,
                    "another request with this Idempotency-Key is still being answered; send it again in a moment",
                    headers=retry_after(1),
                )
            self._keys.add(key.key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key.key)
