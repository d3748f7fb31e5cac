"""Where everything goes on the page, in inches (standard library only).

A row per plan: a heading, the result at the left, the maps to its right, in several lines where there are many.
"""

import math
import textwrap
from dataclasses import dataclass
from typing import NamedTuple

MARGIN, GAP, TITLE, LINE, TOP, LEGEND = 0.2, 0.14, 0.21, 0.17, 0.4, 0.34
"""The rim, the space between panels, room for a panel's title, a line of text, the title of the page, the legend."""

AREA, NARROWEST, WIDEST = 5.0, 1.7, 3.4
"""Square inches of a panel, and the limits of its width."""

MOST_IN_A_LINE = 5
"""Maps beside one another; more go into several lines, and the result is drawn twice as large."""

LETTER = 0.078
"""Width of a letter of a heading, generously."""


class Box(NamedTuple):
    """A rectangle on the page: left, top, width and height, counted from the upper left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """The places of one plan.

    Args:
        heading: lines of text and the top of the first.
        result: of the detections or scores.
        maps: one per map.
    """

    heading: tuple[str, ...]
    heading_top: float
    result: Box
    maps: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All places.

    Args:
        width, height: of the page.
        rows: one per plan.
    """

    width: float
    height: float
    rows: tuple[Row, ...]


def arrange(names: list[str], maps: int, aspect: float) -> Page:
    """Places for as many rows as names.

    Args:
        names: headings, of any length.
        maps: per row.
        aspect: height of a picture in units of its width.
    """
    width = min(WIDEST, max(NARROWEST, math.sqrt(AREA / aspect)))
    height = width * aspect
    across = maps if maps <= MOST_IN_A_LINE else math.ceil(maps / math.ceil(maps / _most(maps)))
    lines = math.ceil(maps / max(1, across)) or 1
    span = min(lines, 2)
    step_x, step_y = width + GAP, height + TITLE + GAP
    page_width = 2 * MARGIN + (span + across) * step_x - GAP
    top, rows = TOP, []
    for name in names:
        heading = tuple(textwrap.wrap(name, int((page_width - 2 * MARGIN) / LETTER))) or (name,)
        first = top + (len(heading) + 1) * LINE + TITLE
        result = Box(MARGIN, first, span * step_x - GAP, height + (span - 1) * step_y)
        left = MARGIN + span * step_x
        places = tuple(
            Box(left + place % across * step_x, first + place // across * step_y, width, height)
            for place in range(maps)
        )
        rows.append(Row(heading, top, result, places))
        top = first + lines * step_y - TITLE + GAP
    return Page(page_width, top - GAP + LEGEND, tuple(rows))


def _most(maps: int) -> int:
    # wide pages for many maps, so that they stay about three times as wide as a row is high
    return max(MOST_IN_A_LINE - 1, math.ceil(math.sqrt(1.6 * maps)))
