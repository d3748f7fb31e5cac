"""Which keys the windows of STViT-R see, in whole numbers (standard library only).

Letters: H x W places of the map that keys come from, n_h x n_w windows, t places a window advances by, k places seen.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Mask: TypeAlias = Literal["original", "exact", "none"]
"""Which keys are hidden. original: what the released detectors learned with, see `Reach.hidden_from`; exact: all that
is padding and nothing else; none: nothing, so that padding is attended to."""

MASKS: tuple[Mask, ...] = ("original", "exact", "none")

_GATHER_ABOVE = 2.5
"""Rows this many key windows long: from here on gathering each window's keys beats computing whole rows with a mask."""


class Band(NamedTuple):
    """Rows of windows that see the same rows of keys (both half open): their keys are a slice, not a copy."""

    first: int
    last: int
    first_key_row: int
    last_key_row: int


@dataclass(frozen=True, slots=True)
class Reach:
    """Queries and keys of one block at one map size.

    The window in row i, column j sees the k x k places from row i*t - before and column j*t - before.

    Args:
        rows, columns: H, W.
        down, across: n_h, n_w.
        step: t.
        size: k.
        bottom, right: what the *image* map lacks to whole windows, also where the keys are semantic tokens.
        mask: which keys are hidden.
        query_side: side of a window in queries.
        query_rows, query_columns: extent of the map of queries; its last windows may be cut.
        window_major: queries come window by window; otherwise row by row of their map.
    """

    rows: int
    columns: int
    down: int
    across: int
    step: int
    size: int
    bottom: int
    right: int
    mask: Mask
    query_side: int
    query_rows: int
    query_columns: int
    window_major: bool

    @property
    def before(self) -> int:
        """Places seen above and left of a window; negative where the key window is smaller than the step."""
        return (self.size - self.step) // 2

    @property
    def windows(self) -> int:
        """n."""
        return self.down * self.across

    @property
    def hidden_from(self) -> tuple[int, int]:
        """Row and column from which the original mask hides (where both are reached), besides all outside the map.

        The released code counts pixels of the image map even where keys are semantic tokens, hides only the corner
        where both sides are padded, and hides everything where none is, which softmax undoes.
        """
        height, width = self.down * self.step, self.across * self.step
        return (
            max(height - self.bottom, 0) if self.bottom else 0,
            max(width - self.right, 0) if self.right else 0,
        )

    @property
    def gathered(self) -> bool:
        """Whether each window's keys are gathered; otherwise `bands` of rows are computed with a mask."""
        return self.columns > _GATHER_ABOVE * self.size

    @property
    def bands(self) -> tuple[Band, ...]:
        """All windows, by the key rows they see."""
        joined: list[Band] = []
        for row in range(self.down):
            first, last = self._key_rows(row)
            if joined and joined[-1][2:] == (first, last):
                joined[-1] = joined[-1]._replace(last=row + 1)
            else:
                joined.append(Band(row, row + 1, first, last))
        return tuple(joined)

    def queries(self, band: Band) -> slice:
        """Where the queries of a band lie among all queries."""
        first, last = (min(row * self.query_side, self.query_rows) * self.query_columns for row in band[:2])
        return slice(first, last)

    @property
    def scores(self) -> int:
        """Query-key pairs that are computed, for one image."""
        if self.gathered:
            return self.windows * self.query_side**2 * self.size**2
        return sum(
            (self.queries(band).stop - self.queries(band).start)
            * ((band.last_key_row - band.first_key_row) * self.columns + 1)
            for band in self.bands
        )

    def _key_rows(self, row: int) -> tuple[int, int]:
        start = row * self.step - self.before
        first, last = max(0, start), min(self.rows, start + self.size)
        hidden_row, hidden_column = self.hidden_from
        if self.mask == "original" and hidden_column == 0 and first < hidden_row:
            last = min(last, hidden_row)  # hidden over the whole width
        return (first, last) if first < last else (0, 0)
