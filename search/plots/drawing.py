"""The plots on paper: the same numbers as on the pages, drawn by matplotlib without a screen."""

import io
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from search.plots import axes as draw
from search.plots.catalogue import UnknownPlot, data
from search.plots.style import GRID, INK, RULES, SOFT
from search.store.reading import Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "png")
_TYPES = {"front": (7.2, 4.2), "stages": (6.4, 3.6), "parallel": (8.4, 4.2)}
_LOCK = threading.Lock()
"""matplotlib's style settings and its font cache are shared by the process."""

_DRAWINGS: Mapping[str, Callable[["Axes", Mapping[str, Any]], None]] = {
    "front": draw.front,
    "stages": draw.stages,
    "latency": draw.latency,
    "progress": draw.progress,
    "workers": draw.workers,
    "parallel": draw.parallel,
}


def render(store: Reading, search_id: str, name: str, format: str) -> bytes:
    """One plot as an SVG or PNG file; equal numbers give equal bytes.

    Raises:
        UnknownPlot: no plot has that name, or the format is another one.
        UnknownSearch: no search has that id.
    """
    if format not in FORMATS:
        raise UnknownPlot(f"unknown format {format!r}; choose {' or '.join(FORMATS)}")
    return draw_plot(data(store, search_id, name), format)


def draw_plot(numbers: Mapping[str, Any], format: str) -> bytes:
    """Draw what `search.plots.data` gave."""
    import matplotlib  # a second, so only where a picture is made
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    name = numbers["plot"]
    rules: Any = {**RULES, "svg.hashsalt": f"{numbers['search']} {name}"}
    with _LOCK, matplotlib.rc_context(rules):
        figure = Figure(figsize=_TYPES.get(name, (7.2, 3.6)), dpi=144, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.grid(color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        _DRAWINGS[name](axes, numbers)
        figure.suptitle(_title(numbers), fontsize=9, color=INK, ha="left", x=0.02, parse_math=False)
        figure.supxlabel(_foot(numbers), fontsize=7, color=SOFT, ha="left", x=0.02, parse_math=False)
        file = io.BytesIO()
        figure.savefig(file, format=format, metadata={"Date": None} if format == "svg" else {"Software": "SparSearch"})
    return file.getvalue()


def _title(numbers: Mapping[str, Any]) -> str:
    budget = numbers["budget"]["max_ms"]
    return f"{numbers['target']} within {budget:g} ms: {TITLES[numbers['plot']]}"


def _foot(numbers: Mapping[str, Any]) -> str:
    simulated = "SIMULATED, no statement about real hardware. " if numbers["simulated"] else ""
    return f"{simulated}Search {numbers['search']} on {numbers['device']}."


TITLES = {
    "front": "accuracy over latency",
    "stages": "sparsity of each knob",
    "latency": "distribution of the latency",
    "progress": "how the search got better",
    "workers": "trials over time",
    "parallel": "every plan, knob by knob",
}
