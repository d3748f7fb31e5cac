"""Questions about the trials of a search: pages, counts, a sample for plots."""

from typing import Any

from sqlalchemy import Row, func, null, select

from search.errors import UnknownTrial
from search.store import schema
from search.store.decoding import TRIAL, trial_row
from search.store.readable import Readable
from search.store.rows import Page, TrialRow

BEST = 100
"""Trials with the best metric that a sample holds, of those within and of those outside of the budget."""

_AT_ONCE = 500
"""Numbers in one question."""

_SAMPLE = [null().label("metrics") if column.name == "metrics" else column for column in TRIAL]


class TrialQuestions(Readable):
    """Read access to `trials`."""

    def trial(self, search_id: str, number: int) -> TrialRow:
        """One trial.

        Raises:
            UnknownTrial: there is none of that number.
        """
        trials = schema.trials
        query = select(*TRIAL).where(trials.c.search_id == search_id, trials.c.number == number)
        with self._reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownTrial(f"search {search_id} has no trial {number}")
        return trial_row(row)

    def page_trials(
        self,
        search_id: str,
        *,
        state: str | None = None,
        feasible: bool | None = None,
        size: int,
        after: tuple[Any, ...] | None = None,
    ) -> Page[TrialRow]:
        """Trials in the order of asking. Those that come between two pages make no other appear twice or never.

        Args:
            search_id: the search.
            state: only those in this state.
            feasible: only those that are probably within the budget, or probably outside.
            size: most rows.
            after: `Page.after` of the page before.
        """
        trials = schema.trials
        query = select(*TRIAL).where(trials.c.search_id == search_id).order_by(trials.c.number).limit(size + 1)
        if feasible is not None and state in (None, "done"):  # only of the done it is known
            query = query.where(trials.c.feasible.is_(feasible))
        elif feasible is not None:
            return Page((), None)
        elif state is not None:
            query = query.where(trials.c.state == state)
        if after is not None:
            query = query.where(trials.c.number > after[0])
        with self._reading() as connection:
            rows = connection.execute(query).all()
        shown = [trial_row(row) for row in rows[:size]]
        return Page(tuple(shown), (shown[-1].number,) if len(rows) > size else None)

    def trial_counts(self, search_id: str) -> dict[str, int]:
        """Trials that are "running", "done", "failed"; and how many of the done the archive answered ("reused")."""
        trials = schema.trials
        query = select(trials.c.state, trials.c.origin, func.count()).where(trials.c.search_id == search_id)
        counts = {"running": 0, "done": 0, "failed": 0, "reused": 0}
        with self._reading() as connection:
            for state, origin, count in connection.execute(query.group_by(trials.c.state, trials.c.origin)):
                counts[state] += count
                if origin == "archive":
                    counts["reused"] += count
        return counts

    def sampled_trials(self, search_id: str, limit: int) -> list[TrialRow]:
        """Trials for a plot, in the order of asking: all of them if they are few, else some of them.

        A sample is spread evenly over the search, and holds the best ones (within and outside of the budget). It lacks
        the `metrics`; `metric` is there.

        Args:
            search_id: the search.
            limit: most rows, at least 4.
        """
        trials = schema.trials
        mine = trials.c.search_id == search_id
        best = min(BEST, limit // 4)
        with self._reading() as connection:
            total = connection.execute(select(func.coalesce(func.max(trials.c.number) + 1, 0)).where(mine)).scalar_one()
            step = 1 if total <= limit else -(-total // (limit - 2 * best))
            chosen = set(range(0, total, step))
            if total > limit:
                for feasible in (True, False):
                    query = select(trials.c.number).where(mine, trials.c.feasible.is_(feasible))
                    ranked = query.where(trials.c.metric.is_not(None)).order_by(trials.c.metric.desc())
                    chosen.update(connection.execute(ranked.limit(best)).scalars())
            wanted = sorted(chosen)
            rows: list[Row[Any]] = []
            for start in range(0, len(wanted), _AT_ONCE):
                query = select(*_SAMPLE).where(mine, trials.c.number.in_(wanted[start : start + _AT_ONCE]))
                rows += connection.execute(query.order_by(trials.c.number)).all()
        return [trial_row(row) for row in rows]
