"""Idempotency keys: one search per key, however often the request is sent."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from search.errors import IdempotencyMismatch
from search.store import schema
from search.store.readable import stamp
from search.store.rows import IdempotencyKey

KEPT = timedelta(hours=48)
"""How long a key is remembered."""


def find(connection: Connection, key: IdempotencyKey, now: datetime) -> str | None:
    """The search that a key has made; None: it is new, or so old that it was forgotten.

    Raises:
        IdempotencyMismatch: it came with another request.
    """
    table = schema.idempotency
    connection.execute(delete(table).where(table.c.at < stamp(now - KEPT)))
    query = select(table.c.fingerprint, table.c.search_id).where(table.c.key_hash == _hash(key.key))
    row = connection.execute(query).first()
    if row is None:
        return None
    if row.fingerprint != _hash(key.fingerprint):
        raise IdempotencyMismatch
    return str(row.search_id)


def remember(connection: Connection, key: IdempotencyKey, search_id: str, now: datetime) -> None:
    """Note which search a key has made."""
    values = {"key_hash": _hash(key.key), "fingerprint": _hash(key.fingerprint), "search_id": search_id}
    connection.execute(insert(schema.idempotency).values(**values, at=stamp(now)))


def _hash(text: str) -> str:
    # keys may be guessable, or be secrets of the client: neither belongs into a database
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
