"""What goes onto one pair of axes: a map, detections, or scores."""

from typing import TYPE_CHECKING

import numpy as np

from search.plots.style import GRID, INK, SOFT
from sparsearch.visualize.overlay import PALETTE, group_colours, inside, overlay
from sparsearch.visualize.records import Array, Detection, Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEAM = 4
"""Pixels between the frames of a clip."""

FINE = 30
"""Entries across a picture from which on borders are thin, or they would cover what they surround."""

BAR = "#9dbfe4"


def tiled(images: list[Array]) -> Array:
    """Pictures (H, W, 3) of equal size on one sheet, four of them two by two, with white seams."""
    height, width = images[0].shape[:2]
    corners = _corners(len(images), height, width)
    right, bottom = (max(corner[axis] for corner in corners) for axis in (0, 1))
    sheet = np.ones((bottom + height, right + width, 3))
    for (left, top), image in zip(corners, images, strict=True):
        sheet[top : top + height, left : left + width] = image
    return sheet


def show_sheet(axes: "Axes", sheet: Array) -> None:
    """A picture whose pixels are the units of the axes, from the upper left corner."""
    height, width = sheet.shape[:2]
    axes.imshow(np.clip(sheet, 0, 1), extent=(0, width, height, 0), interpolation="antialiased", aspect="equal")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_anchor("NW")


def show_map(axes: "Axes", frames: Array, one: Map | None) -> None:
    """A map over its frames; None: a block that chooses nothing, or does not run."""
    from matplotlib.collections import LineCollection

    if one is None:
        axes.text(
            0.5, 0.5, "nothing to show\nunder this plan", ha="center", va="center", color=SOFT, transform=axes.transAxes
        )
        axes.set_facecolor(GRID)
        return
    colours = group_colours(one.values) if one.kind == "groups" and not one.alone else None
    layers = [overlay(frame, one, place, colours) for place, frame in enumerate(frames)]
    show_sheet(axes, tiled([layer.image for layer in layers]))
    height, width = frames.shape[1:3]
    fine = one.kind == "groups" and min(one.cell) * FINE < width
    lines = ((INK, 0.3),) if fine else (("white", 1.6), (INK, 0.6))
    for corner, layer in zip(_corners(len(layers), height, width), layers, strict=True):
        # a map may reach beyond its frame, which must not show on the next one
        ends = list(inside(layer.borders, (height, width)) + np.array(corner))
        for colour, thickness in lines:
            axes.add_collection(LineCollection(ends, colors=colour, linewidths=thickness), autolim=False)


def show_detections(axes: "Axes", sheet: Array, found: tuple[Detection, ...]) -> None:
    """Masks, boxes and names over the frame; the best on top."""
    painted = sheet.copy()
    for one in reversed(found):
        if one.mask is not None:
            inside = one.mask[: painted.shape[0], : painted.shape[1]]
            region = painted[: inside.shape[0], : inside.shape[1]]
            region[inside] = 0.5 * region[inside] + 0.5 * _colour(one)
    show_sheet(axes, painted)
    for one in reversed(found):
        _outline(axes, one, painted.shape[1])


def show_scores(axes: "Axes", scores: tuple[tuple[str, float], ...]) -> None:
    """One bar per class, with its name and score."""
    places, values = range(len(scores)), [score for _, score in scores]
    axes.barh(places, values, color=BAR, height=0.78)
    most = max(1.0, *values)
    axes.set_xlim(min(0.0, *values), most)
    axes.set_ylim(max(4, len(scores) - 1) + 0.6, -0.6)
    for place, (label, score) in enumerate(scores):
        axes.text(0.02, place, label, va="center", fontsize=6.5, color=INK, transform=axes.get_yaxis_transform())
        axes.text(
            1, place, f"{score:.2f}", va="center", ha="right", fontsize=6.5, color=INK,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip


def _outline(axes: "Axes", one: Detection, width: float) -> None:
    from matplotlib.patches import Rectangle

    left, top, right, bottom = one.box
    colour = tuple(_colour(one))
    for edge, line in (("white", 2.2), (colour, 1.2)):
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=edge, linewidth=line))
    dark = float(np.dot(colour, (0.299, 0.587, 0.114))) < 0.5
    axes.text(
        min(max(left, 0), 0.9 * width), max(top, 0), f"{one.label} {one.score:.2f}", fontsize=5.5, clip_on=True,
        va="bottom" if top > 0.05 * width else "top", color="white" if dark else INK,
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def _colour(one: Detection) -> Array:
    colour: Array = PALETTE[one.number % len(PALETTE)] / 255
    return colour


def _corners(count: int, height: int, width: int) -> list[tuple[int, int]]:
    """(left, top) of every picture on a sheet."""
    across = 2 if count == 4 else count
    return [(place % across * (width + SEAM), place // across * (height + SEAM)) for place in range(count)]
