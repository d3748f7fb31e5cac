"""Showing a search: live in a terminal, as plain lines elsewhere, as JSON lines for programs."""

import sys
from typing import Protocol

from search.answer import Outcome
from search.records import Event, Job


class View(Protocol):
    """Is shown every event of a search, then how it ended."""

    def __enter__(self) -> "View": ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: Event) -> None:
        """An event, after it was stored."""

    def conclude(self, outcome: Outcome) -> None:
        """The end."""


def view_of(job: Job, as_json: bool) -> View:
    """The view that suits where stdout goes."""
    if as_json:
        from sparsearch.views.lines import JsonLines

        return JsonLines()
    if sys.stdout.isatty():
        from sparsearch.views.live import LiveTable

        return LiveTable(job)
    from sparsearch.views.lines import PlainLines

    return PlainLines(job)
