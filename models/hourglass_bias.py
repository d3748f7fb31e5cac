"""The relative position bias of a window, gathered from a table that was trained for another one where need be.

Letters: a table of (2d-1) x (2h-1) x (2w-1) rows belongs to windows of d x h x w tokens; T tokens in a window.
Source: Swin Transformer (arXiv 2103.14030), equation 4; Video Swin Transformer (arXiv 2106.13230), section 3.2.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from models.hourglass_memory import remembered
from models.hourglass_plan import Size
from models.hourglass_rules import ClippedBias


def relative_bias(table: Tensor, trained: Size, window: Size, clipped: ClippedBias) -> Tensor:
    """The bias of a window no larger than the trained one: (rows, heads) -> (heads, T, T).

    Args:
        table: trained for windows of `trained` tokens.
        window: tokens per axis of the window at hand.
        clipped: see `ClippedBias`.
    """
    places = _places(trained, window, clipped, table.device)
    tokens = math.prod(window)
    # one head after the other: rows of the table are too short to be copied well
    return table.t().contiguous().index_select(1, places).view(-1, tokens, tokens)


def resized_table(table: Tensor, trained: Size, window: Size) -> Tensor:
    """A table for windows of `window` tokens that cover the same area: (rows, heads) -> (rows', heads).

    Offsets are interpolated linearly; every axis has its own size (the released code for videos resizes columns as
    if they were rows, which differs only where a window is not square).
    """
    if window == trained:
        return table
    volume = table.float().t().reshape(1, -1, *(2 * side - 1 for side in trained))
    resized = F.interpolate(volume, size=tuple(2 * side - 1 for side in window), mode="trilinear", align_corners=False)
    return resized.reshape(table.shape[1], -1).t().to(table.dtype)


def cropped_table(table: Tensor, trained: Size, window: Size) -> Tensor:
    """The rows of the offsets that occur in a smaller window: (rows, heads) -> (rows', heads)."""
    if window == trained:
        return table
    volume = table.reshape(*(2 * side - 1 for side in trained), -1)
    for axis, (old, new) in enumerate(zip(trained, window, strict=True)):
        volume = volume.narrow(axis, old - new, 2 * new - 1)
    return volume.reshape(-1, table.shape[1])


@remembered
def _places(trained: Size, window: Size, clipped: ClippedBias, device: torch.device) -> Tensor:
    tokens = math.prod(window)
    if clipped == "prefix":
        return _rows(trained, trained, device)[:tokens, :tokens].reshape(-1)
    return _rows(trained, window, device).reshape(-1)


def _rows(trained: Size, window: Size, device: torch.device) -> Tensor:
    axes = torch.meshgrid(*(torch.arange(side, device=device) for side in window), indexing="ij")
    row = torch.zeros((), dtype=torch.long, device=device)
    for axis, side in zip(axes, trained, strict=True):
        places = axis.reshape(-1)
        row = row * (2 * side - 1) + places[:, None] - places[None, :] + side - 1
    return row
