"""Questions about the log of events."""

from collections.abc import Collection

from sqlalchemy import select

from search.records import Evaluation, Event
from search.store import schema
from search.store.decoding import decoding, stored_event
from search.store.readable import Readable
from search.store.rows import StoredEvent


class EventQuestions(Readable):
    """Read access to `events`."""

    def events(self, search_id: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events of a search in order, from the one after number `after`."""
        return [
            Event(event.kind, event.data, event.key, event.seq)  # type: ignore[arg-type]  # a kind was written
            for event in self.stored_events(search_id, after, limit)
        ]

    def stored_events(
        self, search_id: str, after: int = 0, limit: int | None = None, kinds: Collection[str] | None = None
    ) -> list[StoredEvent]:
        """Events of a search in order, as they stand in the log.

        Args:
            search_id: the search.
            after: number of the event before the first.
            limit: most events.
            kinds: only these kinds; None: all.
        """
        events = schema.events
        query = select(events).where(events.c.search_id == search_id, events.c.seq > after).order_by(events.c.seq)
        if kinds is not None:
            query = query.where(events.c.kind.in_(sorted(kinds)))
        with self._reading() as connection:
            rows = connection.execute(query if limit is None else query.limit(limit)).all()
        return [stored_event(row) for row in rows]

    def latest(self, search_id: str, kind: str | None = None) -> StoredEvent | None:
        """The newest event of a search, or the newest of one kind; None: there is none."""
        events = schema.events
        query = select(events).where(events.c.search_id == search_id).order_by(events.c.seq.desc()).limit(1)
        if kind is not None:
            query = query.where(events.c.kind == kind)
        with self._reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else stored_event(row)

    def evaluations(self, search_id: str) -> list[Evaluation]:
        """The evaluations of the search split that a search asked for, in order, from the archive or not."""
        made = []
        for event in self.stored_events(search_id, kinds=("evaluation",)):
            with decoding(f"search {search_id}, event {event.seq}"):
                made.append(Evaluation.from_dict(event.data["evaluation"]))
        return made
