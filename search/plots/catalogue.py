"""A builder per plot. Each gives plain JSON values: what the web pages draw, and what `drawing` puts on paper."""

from collections.abc import Callable, Mapping
from typing import Any

from search.errors import SearchError
from search.plots.front import front
from search.plots.latency import latency
from search.plots.parallel import parallel
from search.plots.progress import progress
from search.plots.source import Source
from search.plots.stages import stages
from search.plots.workers import workers
from search.store.reading import Reading

PLOTS: Mapping[str, Callable[[Source], dict[str, Any]]] = {
    "front": front,
    "stages": stages,
    "latency": latency,
    "progress": progress,
    "workers": workers,
    "parallel": parallel,
}
NAMES = tuple(PLOTS)


class UnknownPlot(SearchError, LookupError):  # noqa: N818 (named like the other things that are not there)
    """There is no plot of that name or no such format; the message lists those there are."""


def data(store: Reading, search_id: str, name: str) -> dict[str, Any]:
    """The numbers of one plot as JSON values, NaN never; at most about 2,000 trials stand for all of them.

    Every plot has `plot`, `search`, `target`, `state`, `metric` and `metric_name`, `simulated`, `budget` and `summary`,
    one or two sentences that say what the picture shows.

    Raises:
        UnknownPlot: no plot has that name.
        UnknownSearch: no search has that id.
    """
    builder = PLOTS.get(name)
    if builder is None:
        raise UnknownPlot(f"unknown plot {name!r}; choose one of {', '.join(NAMES)}")
    source = Source(store, search_id)
    return {"plot": name, **source.head(), **builder(source)}
