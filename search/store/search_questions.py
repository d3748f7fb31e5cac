"""Questions about searches: one of them, pages of them, the queue."""

import json
from typing import Any

from sqlalchemy import func, or_, select, tuple_

from search.errors import StoreError, UnknownSearch
from search.store import schema
from search.store.decoding import search_row
from search.store.readable import Readable
from search.store.rows import Page, SearchRow

UNFINISHED = ("preparing", "running", "cancelling")
"""States of a search that somebody is working on, or was when the process ended."""


class SearchQuestions(Readable):
    """Read access to `searches`."""

    def search(self, search_id: str) -> SearchRow:
        """The search of an id, or of a prefix of one that fits no other. `last` is the newest.

        Raises:
            UnknownSearch: there is none.
            StoreError: there are several.
        """
        searches = schema.searches
        query = select(searches).order_by(searches.c.created_at.desc(), searches.c.id.desc()).limit(3)
        if search_id != "last":
            query = query.where(searches.c.id.startswith(search_id, autoescape=True))
        with self._reading() as connection:
            found = [search_row(row) for row in connection.execute(query)]
        if not found or not search_id:
            raise UnknownSearch(f"there is no search {search_id!r}; list them with: sparsearch list")
        exact = [row for row in found if row.id == search_id or search_id == "last"]
        if not exact and len(found) > 1:
            names = ", ".join(row.id for row in found)
            raise StoreError(f"{search_id!r} fits several searches ({names}); give more of it")
        return exact[0] if exact else found[0]

    def exact(self, search_id: str) -> SearchRow:
        """The search of an id.

        Raises:
            UnknownSearch: there is none.
        """
        with self._reading() as connection:
            row = connection.execute(select(schema.searches).where(schema.searches.c.id == search_id)).first()
        if row is None:
            raise UnknownSearch(f"there is no search {search_id!r}")
        return search_row(row)

    def searches(self, *, target: str | None = None, state: str | None = None, limit: int = 100) -> list[SearchRow]:
        """Searches, newest first."""
        return list(self.page_searches(state=state, target=target, label=None, size=limit, after=None).rows)

    def page_searches(
        self,
        *,
        state: str | None = None,
        target: str | None = None,
        label: tuple[str, str] | None = None,
        size: int,
        after: tuple[Any, ...] | None = None,
    ) -> Page[SearchRow]:
        """Searches, newest first. Searches that come or go between two pages make no other appear twice or never.

        Args:
            state: only those in this state.
            target: only those of this target.
            label: only those with this label, (key, value).
            size: most rows.
            after: `Page.after` of the page before.
        """
        searches = schema.searches
        place = tuple_(searches.c.created_at, searches.c.id)
        query = select(searches).order_by(searches.c.created_at.desc(), searches.c.id.desc()).limit(size + 1)
        if state is not None:
            query = query.where(searches.c.state == state)
        if target is not None:
            query = query.where(searches.c.target == target)
        if after is not None:
            query = query.where(place < tuple_(*after))
        with self._reading() as connection:
            if label is not None:
                find = func.strpos if connection.dialect.name == "postgresql" else func.instr
                pair = json.dumps({label[0]: label[1]}, separators=(",", ":"))[1:-1]
                # quotes inside of JSON strings are escaped: one after { or , can only begin a key
                query = query.where(or_(*(find(searches.c.labels, before + pair) > 0 for before in "{,")))
            rows = [search_row(row) for row in connection.execute(query)]
        shown = rows[:size]
        return Page(tuple(shown), (shown[-1].created_at, shown[-1].id) if len(rows) > size else None)

    def counts(self) -> dict[str, int]:
        """Searches by state; states without any are missing."""
        searches = schema.searches
        with self._reading() as connection:
            rows = connection.execute(select(searches.c.state, func.count()).group_by(searches.c.state))
            return {state: count for state, count in rows}

    def queue(self) -> list[str]:
        """Ids of the queued searches, the one that waits longest first."""
        searches = schema.searches
        query = select(searches.c.id).where(searches.c.state == "queued")
        with self._reading() as connection:
            return list(connection.execute(query.order_by(searches.c.updated_at, searches.c.id)).scalars())

    def oldest_queued_at(self) -> str | None:
        """Since when the search waits that waits longest, ISO 8601, UTC; None: none waits."""
        searches = schema.searches
        query = select(func.min(searches.c.updated_at)).where(searches.c.state == "queued")
        with self._reading() as connection:
            found: str | None = connection.execute(query).scalar_one()
        return found

    def unfinished(self) -> list[SearchRow]:
        """Searches that somebody is working on, or was when the process ended; the longest waiting first."""
        searches = schema.searches
        query = select(searches).where(searches.c.state.in_(UNFINISHED))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(searches.c.updated_at, searches.c.id)).all()
        return [search_row(row) for row in rows]
