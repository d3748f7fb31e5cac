"""The questions that can be asked of the store; none of them takes a write lock."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Row, select

from latency.record import Measurement
from search.answer import Answer
from search.errors import StoreError
from search.records import Evaluation, Event, Job
from search.store import schema
from search.store.rows import SearchRow


class Reading(ABC):
    """Read access to searches, events, the archive, measurements, models and exports."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...

    def search(self, search_id: str) -> SearchRow:
        """The search of an id, or of a prefix of one that fits no other. `last` is the newest.

        Raises:
            StoreError: there is none, or several.
        """
        searches = schema.searches
        query = select(searches).order_by(searches.c.created_at.desc(), searches.c.id.desc()).limit(3)
        if search_id != "last":
            query = query.where(searches.c.id.startswith(search_id, autoescape=True))
        with self._reading() as connection:
            found = [_search(row) for row in connection.execute(query)]
        if not found or not search_id:
            raise StoreError(f"there is no search {search_id!r}; list them with: sparsearch list")
        exact = [row for row in found if row.id == search_id or search_id == "last"]
        if not exact and len(found) > 1:
            names = ", ".join(row.id for row in found)
            raise StoreError(f"{search_id!r} fits several searches ({names}); give more of it")
        return exact[0] if exact else found[0]

    def searches(self, *, target: str | None = None, state: str | None = None, limit: int = 100) -> list[SearchRow]:
        """Searches, newest first."""
        searches = schema.searches
        query = select(searches).order_by(searches.c.created_at.desc(), searches.c.id.desc()).limit(limit)
        if target is not None:
            query = query.where(searches.c.target == target)
        if state is not None:
            query = query.where(searches.c.state == state)
        with self._reading() as connection:
            return [_search(row) for row in connection.execute(query)]

    def events(self, search_id: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events of a search in order, from the one after number `after`."""
        events = schema.events
        query = select(events).where(events.c.search_id == search_id, events.c.seq > after).order_by(events.c.seq)
        with self._reading() as connection:
            rows = connection.execute(query if limit is None else query.limit(limit))
            return [Event(row.kind, json.loads(row.data), row.key, row.seq) for row in rows]

    def archive(self, target_digest: str, upto: int | None = None) -> list[Evaluation]:
        """Every evaluation of a target, whoever paid for it, oldest first.

        Args:
            target_digest: `Target.digest()`.
            upto: newest row to return (`SearchRow.evaluations_upto`); None: all.
        """
        evaluations = schema.evaluations
        query = select(evaluations.c.record).where(evaluations.c.target_digest == target_digest)
        if upto is not None:
            query = query.where(evaluations.c.id <= upto)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(evaluations.c.id))
            return [Evaluation.from_dict(json.loads(record)) for (record,) in rows]

    def evaluations(self, search_id: str) -> list[Evaluation]:
        """The evaluations of the search split that a search asked for, in order, from the archive or not."""
        return [Evaluation.from_dict(e.data["evaluation"]) for e in self.events(search_id) if e.kind == "evaluation"]

    def latency_models(
        self, target_digest: str, device_key: str | None = None, upto: int | None = None, limit: int = 20
    ) -> list[Mapping[str, Any]]:
        """Stored latency models as JSON, newest first: {"id", "device_key", "steers", "model"}."""
        models = schema.latency_models
        query = select(models).where(models.c.target_digest == target_digest)
        if device_key is not None:
            query = query.where(models.c.device_key == device_key)
        if upto is not None:
            query = query.where(models.c.id <= upto)
        with self._reading() as connection:
            return [
                {"id": row.id, "device_key": row.device_key, "steers": row.steers, "model": json.loads(row.model)}
                for row in connection.execute(query.order_by(models.c.id.desc()).limit(limit))
            ]

    def measurements(
        self, search_id: str | None = None, device_key: str | None = None
    ) -> list[tuple[str, Measurement]]:
        """(purpose, record) of latencies, oldest first."""
        table = schema.measurements
        query = select(table.c.purpose, table.c.record).order_by(table.c.id)
        if search_id is not None:
            query = query.where(table.c.search_id == search_id)
        if device_key is not None:
            query = query.where(table.c.device_key == device_key)
        with self._reading() as connection:
            return [(row.purpose, Measurement.from_dict(json.loads(row.record))) for row in connection.execute(query)]

    def exports(self, search_id: str) -> list[Mapping[str, Any]]:
        """The export events of a search, oldest first."""
        exports = schema.exports
        query = select(exports.c.record).where(exports.c.search_id == search_id).order_by(exports.c.id)
        with self._reading() as connection:
            return [json.loads(record) for (record,) in connection.execute(query)]


def _search(row: Row[Any]) -> SearchRow:
    return SearchRow(
        id=row.id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=row.state,
        message=row.message,
        target_digest=row.target_digest,
        attempts=row.attempts,
        job=Job.from_dict(json.loads(row.job)),
        answer=None if row.answer is None else Answer.from_dict(json.loads(row.answer)),
        evaluations_upto=row.evaluations_upto,
        models_upto=row.models_upto,
    )
