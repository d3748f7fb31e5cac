"""Windows of a map of frames, rows and columns as index tables, so that a block is gather -> attend -> gather.

Images are maps of one frame. Letters: B samples, L = D x H x W tokens, n windows, T tokens in a window.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.hourglass_memory import remembered
from models.hourglass_plan import Size


class Windows(NamedTuple):
    """How the tokens of one map lie in windows.

    Args:
        total: n.
        tokens: T.
        gather: (n*T,) the token at each place, any where a window hangs over the border; None: the same order.
        scatter: (L,) the place of each token; None: the same order.
        outside: the places over the border; None: there are none.
        runs: (how many, mask) of consecutive windows that share a mask; a mask is (T, T), -100 between tokens that
            are no neighbours and 0 elsewhere, or None.
    """

    total: int
    tokens: int
    gather: Tensor | None
    scatter: Tensor | None
    outside: Tensor | None
    runs: tuple[tuple[int, Tensor | None], ...]


@remembered
def windows(size: Size, window: Size, shift: Size, mask_shift: Size, device: torch.device) -> Windows:
    """The windows of a row-major map.

    Args:
        size, window: tokens per axis.
        shift: how far windows are moved towards the end of each axis; 0 0 0: no token is masked.
        mask_shift: where the mask takes the borders between neighbours to be; `shift`, if it is right.
    """
    counts = [-(-length // side) for length, side in zip(size, window, strict=True)]
    count, tokens = math.prod(counts), math.prod(window)
    padded = any(n * side != length for n, side, length in zip(counts, window, size, strict=True))
    if not any(shift):
        kinds = [_all_neighbours(window)] * count
        # a map cut along its first axis alone is in the order of its windows already
        if not padded and counts[2] == 1 and (counts[1] == 1 or window[0] == 1):
            return Windows(count, tokens, None, None, None, ((count, None),))
    else:
        kinds = _kinds(counts, window, mask_shift)
    # windows with the same mask lie together, those without any first
    order = sorted(range(count), key=lambda number: kinds[number])
    runs = tuple((kinds.count(kind), _mask(kind, device)) for kind in sorted(set(kinds)))
    places = [(torch.arange(n * w, device=device) + s) % (n * w) for n, w, s in zip(counts, window, shift, strict=True)]
    over = [(place >= length).long() for place, length in zip(places, size, strict=True)]
    number = _grid(places[0] * (size[1] * size[2]), places[1] * size[2], places[2])
    number = number.masked_fill(_grid(*over) > 0, math.prod(size))
    cut = number.view(counts[0], window[0], counts[1], window[1], counts[2], window[2]).permute(0, 2, 4, 1, 3, 5)
    gather = cut.reshape(count, tokens)[torch.tensor(order, device=device)].reshape(-1)
    # places over the border sort behind all tokens
    order_of_tokens = gather.argsort(stable=True)
    scatter, outside = order_of_tokens[: math.prod(size)], order_of_tokens[math.prod(size) :]
    return Windows(count, tokens, gather % math.prod(size), scatter, outside if padded else None, runs)


@remembered
def window_major(size: Size, window: Size, shift: Size, mask_shift: Size, device: torch.device) -> Windows:
    """The same windows for tokens that already lie window by window, as clusters do. Nothing hangs over the border."""
    plain, moved = (windows(size, window, step, mask_shift, device) for step in ((0, 0, 0), shift))
    if not any(shift):
        return plain._replace(gather=None, scatter=None)
    if plain.gather is None or plain.scatter is None or moved.gather is None or moved.scatter is None:
        return moved
    return moved._replace(gather=plain.scatter[moved.gather], scatter=moved.scatter[plain.gather])


def take(rows: Tensor, places: Tensor | None) -> Tensor:
    """The same rows of every sample: (B, R, C), (P,) -> (B, P, C)."""
    if places is None:
        return rows
    samples, count, channels = rows.shape
    if samples == 1:
        return rows[0].index_select(0, places).unsqueeze(0)
    # picking along the first axis is a plain copy of rows; along the second it is not
    flat = places + torch.arange(samples, device=rows.device).unsqueeze(1) * count
    return rows.reshape(-1, channels).index_select(0, flat.reshape(-1)).view(samples, -1, channels)


def into_windows(tokens: Tensor, where: Windows, blank: Tensor | None) -> Tensor:
    """(B, L, C) -> (B, n*T, C), window by window; over the border stands `blank`, (C,), or zero."""
    rows = take(tokens, where.gather)
    if where.outside is None:
        return rows
    # rows are a fresh copy: filling the few places over the border is cheaper than another copy of the map
    if blank is None:
        return rows.index_fill_(1, where.outside, 0.0)
    return rows.index_copy_(1, where.outside, blank.to(rows.dtype).expand(rows.shape[0], len(where.outside), -1))


Kind = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Per axis of a window, which of its tokens are neighbours: equal numbers are."""


def _grid(frames: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return frames[:, None, None] + rows[None, :, None] + columns[None, None, :]


def _all_neighbours(window: Size) -> Kind:
    return (0,) * window[0], (0,) * window[1], (0,) * window[2]


def _kinds(counts: Sequence[int], window: Size, shift: Size) -> list[Kind]:
    """The kind of every window."""
    frames, rows, columns = (_patterns(c, w, s) for c, w, s in zip(counts, window, shift, strict=True))
    return [(frame, row, column) for frame in frames for row in rows for column in columns]


def _patterns(count: int, side: int, shift: int) -> list[tuple[int, ...]]:
    """Per window of one axis, a number for each token: the place of the first token that is its neighbour.

    Three bands, of which later ones win: up to the last window, up to the shift from the end, the rest.
    Source: Swin Transformer (arXiv 2103.14030), figure 4.
    """
    length = count * side
    bands = [0] * length
    bands[length - side :] = [1] * side
    last = max(0, length - shift) if shift else 0
    bands[last:] = [2] * (length - last)
    parts = [bands[first : first + side] for first in range(0, length, side)]
    return [tuple(part.index(band) for band in part) for part in parts]


def _mask(kind: Kind, device: torch.device) -> Tensor | None:
    if all(not any(axis) for axis in kind):
        return None
    frames, rows, columns = (torch.tensor(axis, device=device) for axis in kind)
    _, height, width = map(len, kind)
    label = _grid(frames * (height * width), rows * width, columns).reshape(-1)
    return (label[:, None] != label[None, :]).float() * -100.0
