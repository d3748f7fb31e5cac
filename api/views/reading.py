"""The reads that feed the views, and a memory of what cannot change any more: an ended search is read once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

from api.schemas.search import Latency, Search
from api.views.front import FrontFacts, front_view
from api.views.points import latency_view, point_id
from api.views.search import SearchFacts, device_view, search_view
from latency.record import Measurement
from models.plan import Plan
from search.records import Point
from search.store.reading import Reading
from search.store.rows import SearchRow

LADDER = 6
"""Trials that every search begins with, dense first and sparsest last."""

_T = TypeVar("_T")


class Reader:
    """Views of stored searches.

    Args:
        size: ended searches that are remembered.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._known: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, store: Reading, row: SearchRow, queue_position: int | None = None) -> Search:
        """A search as JSON."""
        if row.attempts == 0 and not row.terminal:  # it has not begun: the row says everything
            events = store.stored_events(row.id, 0, None, kinds=["condition"])
            return search_view(row, SearchFacts(queue_position=queue_position, conditions=events))
        if row.terminal:
            return self._once(("search", *_stamp(row)), lambda: self._search(store, row, None))
        return self._search(store, row, queue_position)

    def front(self, store: Reading, row: SearchRow) -> FrontFacts:
        """What is known about the front of a search."""
        if row.terminal:
            facts = self._once(("front", *_stamp(row)), lambda: self._front(store, row))
        else:
            facts = self._front(store, row)
        exported = frozenset(point_id(export["plan"]) for export in store.exports(row.id))
        return facts.with_exported(exported)

    def _search(self, store: Reading, row: SearchRow, queue_position: int | None) -> Search:
        prepared = store.latest(row.id, "prepared")
        progress = None if row.terminal else store.latest(row.id, "progress")
        floor, dense = self._latencies(store, row)
        verdict = ""
        if row.answer is not None and row.answer.plan is not None:
            verdict = front_view(self.front(store, row)).verdict
        facts = SearchFacts(
            prepared=None if prepared is None else prepared.data,
            floor=floor,
            dense=dense,
            conditions=store.stored_events(row.id, 0, None, kinds=["condition"]),
            progress=None if progress is None else progress.data,
            counts=store.trial_counts(row.id),
            queue_position=queue_position,
            verdict=verdict,
        )
        return search_view(row, facts)

    def _latencies(self, store: Reading, row: SearchRow) -> tuple[Latency | None, Latency | None]:
        """Of the sparsest and the dense plan: measured first of all, and never again."""
        if row.answer is not None:
            return latency_view(row.answer.floor), latency_view(row.answer.dense)
        found = self._ends(store, row.id)
        return (None, None) if found is None else (latency_view(found[0]), latency_view(found[1]))

    def _ends(self, store: Reading, search_id: str) -> tuple[Measurement, Measurement] | None:
        return self._if_known(("ends", search_id), lambda: _first_measurements(store, search_id))

    def _front(self, store: Reading, row: SearchRow) -> FrontFacts:
        answer, job = row.answer, row.job
        prepared = store.latest(row.id, "prepared")
        if answer is not None:
            points = answer.front
        else:
            shown = store.latest(row.id, "front")
            points = () if shown is None else tuple(map(Point.from_dict, shown.data["points"]))
        sessions: dict[Plan, list[Measurement]] = {}
        for purpose, one in store.measurements(row.id):
            if purpose in ("ends", "verify"):
                sessions.setdefault(one.plan, []).append(one)
        ends = self._ends(store, row.id)
        floor, dense = (None, None) if ends is None else (ends[0].plan, ends[1].plan)
        metrics = {
            trial.plan: trial.metrics
            for trial in store.page_trials(row.id, state="done", feasible=None, size=LADDER, after=None).rows
            if trial.metrics is not None
        }
        if answer is not None and answer.plan is not None and answer.metrics is not None:
            metrics[answer.plan] = answer.metrics
        decision = {} if answer is None or answer.decision is None else answer.decision
        return FrontFacts(
            search=row.id,
            metric=job.metric,
            budget=job.budget,
            points=points,
            sessions=sessions,
            metrics=metrics,
            dense=dense,
            floor=floor,
            chosen=None if answer is None else answer.plan,
            probability=decision.get("probability"),
            device=None if prepared is None else device_view(prepared.data),
            simulated=None if prepared is None else bool(prepared.data["simulated"]),
            final=row.terminal,
        )

    def _once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        made = self._if_known(key, make)
        assert made is not None
        return made

    def _if_known(self, key: Hashable, make: Callable[[], _T | None]) -> _T | None:
        """What `make` gives, remembered unless it is None."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]  # type: ignore[return-value]  # what the same key's `make` gave
        made = make()
        if made is not None:
            with self._lock:
                self._known[key] = made
                while len(self._known) > self._size:
                    self._known.popitem(last=False)
        return made


def _stamp(row: SearchRow) -> tuple[str, str, str, int]:
    return row.id, row.state, row.updated_at, row.attempts


def _first_measurements(store: Reading, search_id: str) -> tuple[Measurement, Measurement] | None:
    first = store.stored_events(search_id, 0, 1, kinds=["measurement"])
    if not first or first[0].data["purpose"] != "ends":
        return None
    floor, dense = map(Measurement.from_dict, first[0].data["measurements"])
    return floor, dense
