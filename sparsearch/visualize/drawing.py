"""A scene on paper, drawn by matplotlib without a screen."""

import io
from typing import TYPE_CHECKING, Any

from search.errors import JobError
from search.plots.style import ACCENT, INK, RULES, SOFT
from sparsearch.visualize.layout import LINE, MARGIN, Box, Page, arrange
from sparsearch.visualize.numbers import macs_in_words, map_in_words, result_in_words
from sparsearch.visualize.overlay import FADED, PALETTE
from sparsearch.visualize.panels import show_detections, show_map, show_scores, show_sheet, tiled
from sparsearch.visualize.records import Array, Map, Scene, Seen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 20_000
"""Pixels of a side of the drawing; what is larger opens nowhere."""


def draw(scene: Scene, format: str, dpi: int) -> bytes:
    """The drawing as a file; equal scenes give equal bytes.

    Args:
        format: png, svg or pdf.
        dpi: pixels per inch; a map is about 2.2 inches wide.
    Raises:
        JobError: too large a drawing.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = _columns(scene)
    plain = tiled(list(scene.frames / 255))
    page = arrange([row.name for row in scene.rows], len(columns), plain.shape[0] / plain.shape[1])
    pixels = [round(side * dpi) for side in (page.width, page.height)]
    if max(pixels) > LONGEST:
        raise JobError(
            f"{len(scene.rows)} plans with {len(columns)} maps each would fill {pixels[0]} x {pixels[1]} pixels, more "
            f"than {LONGEST} a side; use --blocks last, fewer plans, or a lower --dpi"
        )
    rules: Any = {**RULES, "svg.hashsalt": scene.name}
    named: Any = {"png": {"Software": "SparSearch"}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context(rules):
        figure = Figure(figsize=(page.width, page.height), dpi=dpi)
        FigureCanvasAgg(figure)
        _head(figure, page, scene)
        for row, places in zip(scene.rows, page.rows, strict=True):
            for number, words in enumerate(places.heading):
                top = places.heading_top + number * LINE
                _write(figure, page, top, words, fontsize=8.5, color=INK, fontweight="bold")
            top = places.heading_top + len(places.heading) * LINE
            _write(figure, page, top, macs_in_words(row), fontsize=7.5, color=ACCENT)
            _result(figure, page, places.result, row, scene.threshold, plain)
            known = {_column(scene, one): one for one in row.maps}
            for column, box in zip(columns, places.maps, strict=True):
                one = known.get(column)
                titles = (column[0], "") if one is None else (one.title, map_in_words(one))
                show_map(_panel(figure, page, box, *titles), scene.frames, one)
        _legend(figure, page, scene)
        file = io.BytesIO()
        figure.savefig(file, format=format, metadata=named[format])
    return file.getvalue()


def _columns(scene: Scene) -> list[tuple[str, str]]:
    """The columns of all rows, in the order of the row with the most maps."""
    rows = sorted(scene.rows, key=lambda row: -len(row.maps))
    return list(dict.fromkeys(_column(scene, one) for row in rows for one in row.maps))


def _column(scene: Scene, one: Map) -> tuple[str, str]:
    return (one.stage if scene.by_stage else one.title), one.kind


def _result(figure: "Figure", page: Page, box: Box, row: Seen, threshold: float, plain: Array) -> None:
    if row.detections is not None:
        axes = _panel(figure, page, box, result_in_words(row, threshold))
        show_detections(axes, plain, row.detections)
        return
    show_sheet(_panel(figure, page, Box(box.left, box.top, box.width, box.height * 0.58), "input"), plain)
    lower = Box(box.left, box.top + box.height * 0.62, box.width, box.height * 0.38)
    show_scores(_panel(figure, page, lower), row.scores or ())


def _panel(figure: "Figure", page: Page, box: Box, left: str = "", right: str = "") -> "Axes":
    """Axes at a place, with words above them."""
    bottom = page.height - box.top - box.height
    axes = figure.add_axes(
        (box.left / page.width, bottom / page.height, box.width / page.width, box.height / page.height)
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(left, loc="left", fontsize=7, color=INK, pad=3)
    axes.set_title(right, loc="right", fontsize=7, color=SOFT, pad=3)
    return axes


def _write(figure: "Figure", page: Page, top: float, text: str, **style: Any) -> None:
    figure.text(MARGIN / page.width, 1 - top / page.height, text, va="top", ha="left", **style)


def _head(figure: "Figure", page: Page, scene: Scene) -> None:
    height, width = scene.frames.shape[1:3]
    frames = f", {len(scene.frames)} of {scene.clip} frames" if scene.clip > 1 else ""
    view = ", one of several views" if scene.several else ""
    _write(figure, page, 0.13, f"{scene.name}{view}{frames}, {width} x {height} pixels", fontsize=9, color=SOFT)


def _legend(figure: "Figure", page: Page, scene: Scene) -> None:
    from matplotlib.patches import Patch

    maps = [one for row in scene.rows for one in row.maps]
    entries: list[tuple[Any, str]] = []
    if any(one.kind == "kept" for one in maps):
        entries += [("white", "as it is: processed"), ([FADED] * 3, "faded to grey: passed over, wholly or in part")]
    if any(one.kind == "groups" for one in maps):
        entries.append((PALETTE[1] / 255, "one colour inside borders: one group of tokens"))
    handles = [Patch(facecolor=colour, edgecolor=INK, label=label) for colour, label in entries]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(MARGIN / page.width, 0.06 / page.height),
        ncols=max(1, len(handles)), fontsize=7, handlelength=1.4, borderpad=0, columnspacing=1.6, borderaxespad=0,
    )  # fmt: skip
