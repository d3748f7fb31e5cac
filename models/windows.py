"""Windows as index tables: which tokens belong to which window, so that a block is gather -> compute -> scatter.

The usual pad, roll and cut of the whole map would be paid even for windows that are skipped. A table of token numbers,
built once per map size, costs only what is kept. Letters: B images, H x W tokens, n windows, T tokens in a window.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class WindowTable(NamedTuple):
    """The windows of one map size and one shift.

    Args:
        gather: (n, T) token read at each place; H*W, a zero row, where a window hangs over the border.
        scatter: (n, T) token written; H*W + 1, a row that nobody reads, over the border.
        kind: (n,) which of the four masks holds: + 1 in the last column, + 2 in the last row of windows.
        masks: (4, T, T) see `shift_masks`.
        padded: whether any window hangs over the border.
    """

    gather: Tensor
    scatter: Tensor
    kind: Tensor
    masks: Tensor
    padded: bool


def window_table(height: int, width: int, side: int, shift: int, device: torch.device) -> WindowTable:
    """The table of a map; remembered per size, except while a graph is traced (its tensors belong to the trace)."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _build(height, width, side, shift, device)
    return _remembered(height, width, side, shift, device)


@lru_cache(maxsize=256)
def _remembered(height: int, width: int, side: int, shift: int, device: torch.device) -> WindowTable:
    # a table first needed under inference_mode must still serve a later training step
    with torch.inference_mode(False):
        return _build(height, width, side, shift, device)


def _build(height: int, width: int, side: int, shift: int, device: torch.device) -> WindowTable:
    rows, columns = -(-height // side), -(-width // side)
    # roll by (-shift, -shift): place p of the rolled map shows token (p + shift) mod size of the padded map
    y = (torch.arange(rows * side, device=device) + shift) % (rows * side)
    x = (torch.arange(columns * side, device=device) + shift) % (columns * side)
    token = y[:, None] * width + x[None, :]
    outside = (y >= height)[:, None] | (x >= width)[None, :]

    def cut(places: Tensor) -> Tensor:
        return places.view(rows, side, columns, side).transpose(1, 2).reshape(rows * columns, side * side)

    last_row = torch.arange(rows, device=device) == rows - 1
    last_column = torch.arange(columns, device=device) == columns - 1
    kind = (2 * last_row.long()[:, None] + last_column.long()[None, :]).reshape(-1)
    return WindowTable(
        gather=cut(token.masked_fill(outside, height * width)),
        scatter=cut(token.masked_fill(outside, height * width + 1)),
        kind=kind,
        masks=shift_masks(side, shift, device),
        padded=rows * side != height or columns * side != width,
    )


def shift_masks(side: int, shift: int, device: torch.device) -> Tensor:
    """The additive masks of the four kinds of window, (4, T, T): -100 where only the roll made two tokens neighbours.

    Only the last row and column of windows mix tokens from opposite borders, so four masks serve any map.
    Source: Swin Transformer (arXiv 2103.14030), figure 4.
    """
    wrapped = (torch.arange(side, device=device) >= side - shift).long()
    none = torch.zeros_like(wrapped)
    masks = []
    for kind in range(4):
        band_y = wrapped if kind & 2 else none
        band_x = wrapped if kind & 1 else none
        label = (2 * band_y[:, None] + band_x[None, :]).reshape(-1)
        masks.append((label[:, None] != label[None, :]).float() * -100.0)
    return torch.stack(masks)


def to_rows(tokens: Tensor, padded: bool) -> Tensor:
    """(B, H*W, C) -> (B, R, C), with the zero row and the write-only row behind the tokens when windows are padded."""
    return F.pad(tokens, (0, 0, 0, 2)) if padded else tokens.contiguous()


def flat_index(places: Tensor, rows_per_image: int) -> Tensor:
    """(B, k, T) places in each image -> (B*k*T,) places in the rows of all images."""
    images = torch.arange(places.shape[0], device=places.device) * rows_per_image
    return (places + images[:, None, None]).reshape(-1)


def window_scores(magnitude: Tensor, table: WindowTable) -> Tensor:
    """L2 norm of each window over the magnitude map of its tokens.

    Args:
        magnitude: (B, H*W) mean absolute activation per token.
        table: the windows; places over the border count as 0.
    Returns:
        (B, n) scores.
    Source: SparseViT (arXiv 2303.17605), section 3.1.
    """
    extended = F.pad(magnitude, (0, 1)) if table.padded else magnitude
    scores: Tensor = torch.linalg.vector_norm(extended[:, table.gather], dim=-1)
    return scores
