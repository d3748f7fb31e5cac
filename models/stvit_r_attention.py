"""Attention of STViT-R between a map of keys and windows of queries, each key projected once.

The released code cuts overlapping key windows out of the map and projects every copy: a token 4 to 81 times. Here a
`Reach` says what each window sees of keys and values that exist once.
Letters: B images, N keys, Q queries, C channels, n windows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.stvit_r_reach import Reach
from models.stvit_r_tables import band_tables, gather_table
from models.window_layout import cut, from_windows, take, to_windows


def attend(query: Tensor, keys: Tensor, heads: int, reach: Reach) -> Tensor:
    """Multi-head attention of every window to what it sees.

    Args:
        query: (B, Q, C), in the order `reach` states.
        keys: (B, N + 1, 2C) projected keys beside values, the padding key last.
    Returns:
        (B, Q, C).
    """
    if reach.gathered:
        return _attend_gathered(query, keys, heads, reach)
    head_query = _heads(query, heads)
    key, value = (_heads(half, heads) for half in keys.chunk(2, dim=-1))
    parts = []
    for band, (bias, window) in zip(reach.bands, band_tables(reach, query.device), strict=True):
        part = head_query[:, :, reach.queries(band)]
        mask = bias.to(query.dtype)
        mask = mask.expand(part.shape[2], -1) if len(bias) == 1 else mask[window]
        own = slice(band.first_key_row * reach.columns, band.last_key_row * reach.columns)
        parts.append(
            # four dimensions, or the fused CPU kernel is not taken
            F.scaled_dot_product_attention(
                part, _with_last(key, own), _with_last(value, own), attn_mask=mask.expand(1, 1, -1, -1)
            )
        )
    mixed = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return mixed.transpose(1, 2).reshape(query.shape)


def attend_all(query: Tensor, keys: Tensor, heads: int) -> Tensor:
    """Multi-head attention of every query to every key: (B, Q, C), (B, N, 2C) -> (B, Q, C)."""
    key, value = (_heads(half, heads) for half in keys.chunk(2, dim=-1))
    mixed = F.scaled_dot_product_attention(_heads(query, heads), key, value)
    return mixed.transpose(1, 2).reshape(query.shape)


def _attend_gathered(query: Tensor, keys: Tensor, heads: int, reach: Reach) -> Tensor:
    size, side = (reach.query_rows, reach.query_columns), reach.query_side
    place, bias = gather_table(reach, query.device)
    images = query.shape[0]
    windows = query if reach.window_major else to_windows(query, size, side, 0)
    head_query = _heads(cut(windows, reach.windows), heads)
    seen = cut(take(keys, place), reach.windows)
    key, value = (_heads(half, heads) for half in seen.chunk(2, dim=-1))
    mask = bias.to(query.dtype).repeat(images, 1, 1, 1).expand(-1, -1, side**2, -1)
    mixed = F.scaled_dot_product_attention(head_query, key, value, attn_mask=mask)
    mixed = mixed.transpose(1, 2).reshape(images, -1, query.shape[-1])
    return mixed if reach.window_major else from_windows(mixed, size, side, 0)


def _heads(tokens: Tensor, heads: int) -> Tensor:
    # (B, N, C) -> (B, heads, N, C / heads)
    return torch.unflatten(tokens, -1, (heads, -1)).transpose(1, 2)


def _with_last(rows: Tensor, own: slice) -> Tensor:
    # (B, heads, N + 1, d) -> the slice and the last row; no copy where they touch
    last = rows.shape[2] - 1
    if own.stop == last:
        return rows[:, :, own.start :]
    return torch.cat([rows[:, :, own], rows[:, :, last:]], dim=2)
