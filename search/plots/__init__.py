"""The pictures of a search: their numbers as JSON, and drawn as SVG or PNG."""

from search.plots.catalogue import NAMES, UnknownPlot, data
from search.plots.drawing import FORMATS, render

__all__ = ["FORMATS", "NAMES", "UnknownPlot", "data", "render"]
