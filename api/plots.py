"""The plots of a search for the routes: numbers (`data`), files (`render`), and what is refused (`UnknownPlot`)."""

import json

from search.plots import NAMES, UnknownPlot, data
from search.plots import render as draw
from search.store.reading import Reading

__all__ = ["FORMATS", "NAMES", "UnknownPlot", "data", "render"]

FORMATS = ("json", "svg", "png")


def render(store: Reading, search_id: str, name: str, format: str) -> bytes:
    """One plot as a file of a format of `FORMATS`.

    Raises:
        UnknownPlot: no plot has that name, or the format is another one.
        UnknownSearch: no search has that id.
    """
    if format == "json":
        return json.dumps(data(store, search_id, name), allow_nan=False, separators=(",", ":")).encode()
    return draw(store, search_id, name, format)
