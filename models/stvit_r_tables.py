"""The tables behind attention with a `Reach`: which keys a window sees, as numbers and as additions to its logits.

All that is padding is one and the same key (the bias of the norm, projected), so the padding a window sees is a single
key, counted by its logit.
Letters: N keys, n windows, k side of a key window.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from models.stvit_r_reach import Band, Reach

HIDDEN = -3e4
"""Logit of a hidden key: its weight is exactly 0 in every precision, and no row of logits turns into NaN."""


class Patches(NamedTuple):
    """Key windows cut out one by one.

    Args:
        place: (n, k*k) number of the key; N, the padding key, outside the map.
        hidden: (n, k*k) where the mask hides, before `seen` makes up for windows that see nothing.
    """

    place: Tensor
    hidden: Tensor

    @property
    def seen(self) -> Tensor:
        """(n, k*k) keys that take part. A window whose keys are all hidden sees all: softmax ignores a common shift."""
        return ~self.hidden | self.hidden.all(dim=1, keepdim=True)


class BandTable(NamedTuple):
    """What the windows of a band add to their logits; kept per window, since per query it would fill memory.

    Args:
        bias: (windows, keys + 1), or (1, keys + 1) where all see the same.
        window: (queries,) the window of each query, counted from the first of the band.
    """

    bias: Tensor
    window: Tensor


def patches(reach: Reach, device: torch.device) -> Patches:
    """The key windows of `reach`; places outside the map are padding."""
    row, column = _axes(reach, device)
    row, column = row[:, None, :, None], column[None, :, None, :]
    outside = (row < 0) | (row >= reach.rows) | (column < 0) | (column >= reach.columns)
    place = (row * reach.columns + column).masked_fill(outside, reach.rows * reach.columns)
    if reach.mask == "none":
        hidden = torch.zeros_like(outside)
    elif reach.mask == "exact":
        hidden = outside
    else:
        height, width = reach.down * reach.step, reach.across * reach.step
        hidden_row, hidden_column = reach.hidden_from
        border = (row < 0) | (row >= height) | (column < 0) | (column >= width)
        hidden = border | ((row >= hidden_row) & (column >= hidden_column))
    shape = (reach.windows, reach.size**2)
    return Patches(place.reshape(shape), hidden.reshape(shape))


def band_tables(reach: Reach, device: torch.device) -> tuple[BandTable, ...]:
    """One table per band; remembered per reach, except while a graph is traced (its tensors belong to the trace)."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _build_band_tables(reach, device)
    return _remembered_band_tables(reach, device)


@lru_cache(maxsize=256)
def _remembered_band_tables(reach: Reach, device: torch.device) -> tuple[BandTable, ...]:
    # a table first needed under inference_mode must still serve a later training step
    with torch.inference_mode(False):
        tables = _build_band_tables(reach, device)
        if device.type == "meta":  # shapes without values
            return tables
        same = [bool((bias == bias[:1]).all()) for bias, _ in tables]
        return tuple(BandTable(t.bias[:1].clone(), t.window) if s else t for t, s in zip(tables, same, strict=True))


def _build_band_tables(reach: Reach, device: torch.device) -> tuple[BandTable, ...]:
    patch = patches(reach, device)
    # a window sees a place once at most, but padding often: that many equal keys are one key with log(count) added
    count = torch.zeros(reach.windows, reach.rows * reach.columns + 1, device=device)
    bias = count.scatter_add_(1, patch.place, patch.seen.float()).log().clamp_min(HIDDEN)
    tables = []
    for band in reach.bands:
        windows = slice(band.first * reach.across, band.last * reach.across)
        keys = slice(band.first_key_row * reach.columns, band.last_key_row * reach.columns)
        own = torch.cat([bias[windows, keys], bias[windows, -1:]], dim=1)
        tables.append(BandTable(own, _window_of_query(reach, band, device)))
    return tuple(tables)


def gather_table(reach: Reach, device: torch.device) -> tuple[Tensor, Tensor]:
    """(n*k*k,) the keys of every window and (n, 1, 1, k*k) what their logits gain; remembered as `band_tables`."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _build_gather_table(reach, device)
    return _remembered_gather_table(reach, device)


@lru_cache(maxsize=64)
def _remembered_gather_table(reach: Reach, device: torch.device) -> tuple[Tensor, Tensor]:
    with torch.inference_mode(False):
        return _build_gather_table(reach, device)


def _build_gather_table(reach: Reach, device: torch.device) -> tuple[Tensor, Tensor]:
    patch = patches(reach, device)
    bias = torch.zeros(patch.place.shape, device=device).masked_fill(~patch.seen, HIDDEN)
    return patch.place.reshape(-1), bias[:, None, None, :]


def _window_of_query(reach: Reach, band: Band, device: torch.device) -> Tensor:
    side = reach.query_side
    if reach.window_major:
        return torch.arange((band.last - band.first) * reach.across, device=device).repeat_interleave(side**2)
    rows = min(band.last * side, reach.query_rows) - band.first * side
    row = torch.arange(rows, device=device) // side
    column = torch.arange(reach.query_columns, device=device) // side
    return (row[:, None] * reach.across + column[None, :]).reshape(-1)


def _axes(reach: Reach, device: torch.device) -> tuple[Tensor, Tensor]:
    seen = torch.arange(reach.size, device=device) - reach.before
    row = torch.arange(reach.down, device=device)[:, None] * reach.step + seen
    column = torch.arange(reach.across, device=device)[:, None] * reach.step + seen
    return row, column
