"""Showing a search: live in a terminal, as plain lines elsewhere, as JSON lines for programs."""

import sys
from typing import Protocol

from search.records import Event
from sparsearch.views.asked import Asked
from sparsearch.views.ending import Ending


class View(Protocol):
    """Is shown every event of a search, then how it ended."""

    def __enter__(self) -> "View": ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: Event) -> None:
        """An event, after it was stored."""

    def conclude(self, ending: Ending) -> None:
        """The end."""


def view_of(job: Asked, as_json: bool) -> View:
    """The view that suits where stdout goes; `job` is the request, a stored one or one of a service."""
    if as_json:
        from sparsearch.views.lines import JsonLines

        return JsonLines()
    if sys.stdout.isatty():
        from sparsearch.views.live import LiveTable

        return LiveTable(job)
    from sparsearch.views.lines import PlainLines

    return PlainLines(job)
