"""Inserts that meet a row that is there already: the same words in SQLite's and PostgreSQL's dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> Insert:
    """Insert a row unless one with the same key is there."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).values(values).on_conflict_do_nothing()
    return sqlite.insert(table).values(values).on_conflict_do_nothing()


def insert_or_update(
    connection: Connection, table: Table, values: Mapping[str, Any], key: Sequence[str], changes: Mapping[str, Any]
) -> Insert:
    """Insert a row, or change the one that has the same `key`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).values(values).on_conflict_do_update(index_elements=key, set_=changes)
    return sqlite.insert(table).values(values).on_conflict_do_update(index_elements=key, set_=changes)
