"""From database rows to records; a row that cannot be read is named, with what to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from models.plan import Plan
from search.answer import Answer
from search.errors import StoreError
from search.records import Job
from search.store import schema
from search.store.rows import CheckpointRow, SearchRow, StoredEvent, TrialRow


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn whatever torn JSON leads to into one plain line.

    Args:
        what: the row, for the message: "search 20261121-0930, event 12".
    Raises:
        StoreError: the row is damaged.
    """
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{what}, cannot be read ({type(error).__name__}: {str(error)[:200]}): the database is damaged; "
            f"restore it from a backup, or delete this search"
        ) from None


def search_row(row: Row[Any]) -> SearchRow:
    """A row of `searches`."""
    with decoding(f"search {row.id}, row of the search itself"):
        return SearchRow(
            id=row.id,
            created_at=row.created_at,
            updated_at=row.updated_at,
            state=row.state,
            message=row.message,
            target_digest=row.target_digest,
            attempts=row.attempts,
            job=Job.from_dict(json.loads(row.job)),
            answer=None if row.answer is None else _answer(row.answer),
            evaluations_upto=row.evaluations_upto,
            models_upto=row.models_upto,
            name=row.name,
            labels=json.loads(row.labels),
        )


TRIAL = [schema.trials.c[name.name] for name in fields(TrialRow)]
"""The columns of a trial, in the order of its record."""


def trial_row(row: Row[Any]) -> TrialRow:
    """A row of the columns `TRIAL`."""
    values: tuple[Any, ...] = tuple(row)
    search_id, number, plan, state, metric, metrics, *rest = values
    with decoding(f"search {search_id}, trial {number}"):
        by_name = None if metrics is None else json.loads(metrics)
        return TrialRow(search_id, number, _plan(plan), state, metric, by_name, *rest)


def stored_event(row: Row[Any]) -> StoredEvent:
    """A row of `events`."""
    with decoding(f"search {row.search_id}, event {row.seq}"):
        return StoredEvent(row.seq, row.at, row.kind, row.key, dict(json.loads(row.data)))


def checkpoint_row(row: Row[Any]) -> CheckpointRow:
    """A row of `checkpoints`."""
    return CheckpointRow(row.id, row.sha256, row.name, row.bytes, row.tensors, row.created_at)


@lru_cache(maxsize=128)
def _answer(text: str) -> Answer:
    """An answer; a list of searches shows the same ones again and again, and each takes a millisecond to read."""
    return Answer.from_dict(json.loads(text))


@lru_cache(maxsize=4096)
def _plan(text: str) -> Plan:
    """A plan; whoever watches a search asks for the same trials again and again."""
    return Plan.of(json.loads(text))
