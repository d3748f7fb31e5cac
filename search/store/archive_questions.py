"""Questions about what searches leave behind for later ones: evaluations, latencies, models, exports."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from latency.record import Measurement
from search.records import Evaluation
from search.store import schema
from search.store.decoding import decoding
from search.store.readable import Readable


class ArchiveQuestions(Readable):
    """Read access to the archive of targets, and to measurements and exports."""

    def archive(self, target_digest: str, upto: int | None = None) -> list[Evaluation]:
        """Every evaluation of a target, whoever paid for it, oldest first.

        Args:
            target_digest: `Target.digest()`.
            upto: newest row to return (`SearchRow.evaluations_upto`); None: all.
        """
        evaluations = schema.evaluations
        query = select(evaluations.c.id, evaluations.c.record).where(evaluations.c.target_digest == target_digest)
        if upto is not None:
            query = query.where(evaluations.c.id <= upto)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(evaluations.c.id)).all()
        found = []
        for row in rows:
            with decoding(f"evaluation {row.id} of the archive"):
                found.append(Evaluation.from_dict(json.loads(row.record)))
        return found

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
            rows = connection.execute(query.order_by(models.c.id.desc()).limit(limit)).all()
        found: list[Mapping[str, Any]] = []
        for row in rows:
            with decoding(f"latency model {row.id}"):
                model = json.loads(row.model)
                found.append({"id": row.id, "device_key": row.device_key, "steers": row.steers, "model": model})
        return found

    def measurements(
        self, search_id: str | None = None, device_key: str | None = None
    ) -> list[tuple[str, Measurement]]:
        """(purpose, record) of latencies, oldest first."""
        table = schema.measurements
        query = select(table.c.id, table.c.search_id, table.c.purpose, table.c.record).order_by(table.c.id)
        if search_id is not None:
            query = query.where(table.c.search_id == search_id)
        if device_key is not None:
            query = query.where(table.c.device_key == device_key)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        found = []
        for row in rows:
            with decoding(f"search {row.search_id}, measurement {row.id}"):
                found.append((row.purpose, Measurement.from_dict(json.loads(row.record))))
        return found

    def exports(self, search_id: str) -> list[Mapping[str, Any]]:
        """The export events of a search, oldest first."""
        exports = schema.exports
        query = select(exports.c.id, exports.c.record).where(exports.c.search_id == search_id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(exports.c.id)).all()
        found: list[Mapping[str, Any]] = []
        for row in rows:
            with decoding(f"search {search_id}, export {row.id}"):
                found.append(json.loads(row.record))
        return found
