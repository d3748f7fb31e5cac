"""Maps over images, as arrays: what is passed over fades, groups get colours and borders.

Letters: H x W pixels of a frame, r x c entries of a map.
"""

from typing import NamedTuple

import numpy as np

from sparsearch.visualize.records import Array, Map

PALETTE = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)]
)
"""RGB. Source: Okabe and Ito, "Color Universal Design" (2008), told apart with every common colour blindness."""

FADED = 0.84
"""Grey that passed-over places move towards, and how much of the picture is left of them."""
LEFT = 0.3

TINT = 0.5
"""Weight of the colour of a group over its picture in grey."""


class Overlay(NamedTuple):
    """One frame under a map.

    Args:
        image: (H, W, 3) RGB in 0..1.
        borders: (lines, 2, 2) ends of lines as (x, y) in pixels, between unlike neighbours of the map.
    """

    image: Array
    borders: Array


def overlay(frame: Array, one: Map, place: int, colours: Array | None) -> Overlay:
    """Lay a map over a frame.

    Args:
        frame: (H, W, 3) RGB in 0..255.
        one: the map.
        place: which frame of the map.
        colours: of `group_colours`, for groups.
    """
    picture = frame.astype(float) / 255
    values = one.values[place]
    if one.kind == "kept":
        share = at_pixels(values.astype(float), one.cell, frame.shape[:2])[..., None]
        faded = LEFT * grey(picture) + (1 - LEFT) * FADED
        return Overlay(share * picture + (1 - share) * faded, borders(values, one.cell))
    if one.alone or colours is None:
        return Overlay(0.5 * picture + 0.5 * grey(picture), np.zeros((0, 2, 2)))
    tint = at_pixels(colours[place], one.cell, frame.shape[:2]) / 255
    return Overlay(TINT * tint + (1 - TINT) * grey(picture), borders(values, one.cell))


def grey(picture: Array) -> Array:
    """(H, W, 3) -> (H, W, 3) without colour. Source: luma of ITU-R BT.601."""
    luma: Array = picture @ np.array([0.299, 0.587, 0.114])
    return np.repeat(luma[..., None], 3, axis=2)


def at_pixels(values: Array, cell: tuple[float, float], size: tuple[int, ...]) -> Array:
    """(r, c, ...) -> (H, W, ...): the entry that each pixel lies in.

    Args:
        cell: (height, width) of an entry in pixels.
        size: (H, W).
    """
    rows, columns = (
        np.minimum((np.arange(side) + 0.5) // step, count - 1).astype(int)
        for side, step, count in zip(size, cell, values.shape[:2], strict=True)
    )
    picked: Array = values[rows][:, columns]
    return picked


def borders(values: Array, cell: tuple[float, float]) -> Array:
    """(lines, 2, 2) lines between unlike neighbours, as long as they go straight on; (x, y) in pixels."""
    height, width = cell
    across = [
        ((column + 1) * width, first * height, (column + 1) * width, last * height)
        for column, first, last in _runs((values[:, 1:] != values[:, :-1]).T)
    ]
    down = [
        (first * width, (row + 1) * height, last * width, (row + 1) * height)
        for row, first, last in _runs(values[1:] != values[:-1])
    ]
    return np.array(across + down, dtype=float).reshape(-1, 2, 2)


def inside(lines: Array, size: tuple[int, ...]) -> Array:
    """(lines, 2, 2) -> what of them lies inside a frame of (H, W) pixels; its rim does not count.

    Args:
        lines: straight down or straight across.
    """
    height, width = size
    cut = np.clip(lines, 0, (width, height))
    upright = cut[:, 0, 0] == cut[:, 1, 0]
    within = np.where(upright, cut[:, 0, 0] < width, cut[:, 0, 1] < height)
    kept: Array = cut[within & (cut[:, 0] != cut[:, 1]).any(axis=1)]
    return kept


def group_colours(values: Array) -> Array:
    """(frames, r, c) groups -> (frames, r, c, 3) RGB in 0..255, such that neighbours differ where that is possible.

    A group has one colour on all frames; neighbours in time count too.
    """
    labels, numbered = np.unique(values, return_inverse=True)
    numbered = numbered.reshape(values.shape)
    pairs = [
        np.stack([numbered[1:], numbered[:-1]], axis=-1),
        np.stack([numbered[:, 1:], numbered[:, :-1]], axis=-1),
        np.stack([numbered[:, :, 1:], numbered[:, :, :-1]], axis=-1),
    ]
    touching = np.unique(np.concatenate([pair.reshape(-1, 2) for pair in pairs]), axis=0)
    neighbours: list[set[int]] = [set() for _ in labels]
    for first, second in touching.tolist():
        if first != second:
            neighbours[first].add(second)
            neighbours[second].add(first)
    chosen = np.full(len(labels), -1)
    for group, around in enumerate(neighbours):
        taken = {int(chosen[other]) for other in around}
        # from another colour on each time, or all but a few groups would get the first ones
        order = [(3 * group + step) % len(PALETTE) for step in range(len(PALETTE))]
        chosen[group] = next((colour for colour in order if colour not in taken), order[0])
    coloured: Array = PALETTE[chosen[numbered]]
    return coloured


def _runs(changes: Array) -> list[tuple[int, int, int]]:
    """(line, first, last) of the stretches of True in each row, half open."""
    padded = np.pad(changes.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    starts, ends = np.argwhere(steps == 1), np.argwhere(steps == -1)
    return [(int(line), int(first), int(last)) for (line, first), (_, last) in zip(starts, ends, strict=True)]
