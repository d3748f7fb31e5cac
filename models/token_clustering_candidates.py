"""Which clusters a token of a window may join: those whose cell on the cluster grid lies near the token's own.

Letters: a window of d x h x w tokens (N), a grid of t x h' x w' clusters (M). Order is frames, rows, columns.
Source: arXiv 2210.01035, section 3.2; the two label maps are those of the released code for videos and for images.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from models.hourglass_memory import remembered
from models.hourglass_plan import Size
from models.hourglass_rules import LabelMap


@remembered
def candidates(
    window: Size, grid: Size, neighbourhood: int, label_map: LabelMap, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What is added to the logits of tokens over clusters, (N, M): 0 for a candidate, minus infinity for others.

    Args:
        window, grid: tokens and clusters per axis.
        neighbourhood: side of the block of cells around a token's own; odd.
        label_map: see `LabelMap`.
    Returns:
        the table, and the orphans, (N, 1): tokens without any candidate, whose row is 0. They join all clusters
        equally. There are none unless `neighbourhood` is 1 and numbers are interpolated.
    """
    # the numbers of both axes must be those of one machine: on some ratios rounding decides
    labels = cluster_numbers(window, grid, label_map).reshape(-1, 1)
    numbers = torch.arange(math.prod(grid), dtype=torch.float32, device="cpu").reshape(1, -1)
    reach = (neighbourhood - 1) / 2
    _, rows, columns = grid
    near = (labels.fmod(columns) - numbers.fmod(columns)).abs() <= reach
    near &= (_row(labels, grid) - _row(numbers, grid)).abs() <= reach
    frames = (labels / (rows * columns)).trunc() - (numbers / (rows * columns)).trunc()
    near &= frames.abs() <= reach
    orphans = ~near.any(dim=1, keepdim=True)
    table = torch.zeros(near.shape, device="cpu").masked_fill(~(near | orphans), -math.inf)
    return table.to(device), orphans.to(device)


def _row(number: Tensor, grid: Size) -> Tensor:
    return (number / grid[2]).trunc().fmod(grid[1])


def cluster_numbers(window: Size, grid: Size, label_map: LabelMap) -> Tensor:
    """The number of the cluster whose cell each token lies in, (1, 1, frames, rows, columns); see `LabelMap`."""
    numbers = torch.arange(math.prod(grid), dtype=torch.float32, device="cpu").view(1, 1, *grid)
    if label_map == "nearest":
        return F.interpolate(numbers, size=window, mode="nearest")
    return F.interpolate(numbers, size=window, mode="trilinear", align_corners=False)


@remembered
def cell_means(window: Size, grid: Size, device: torch.device) -> Tensor:
    """Adaptive average pooling of a window as a matrix, (M, N): the share of each token in the mean of each cell.

    Cells overlap by a token where the grid does not divide the window.
    """
    means = torch.ones(1, 1, device=device)
    for tokens, cells in zip(window, grid, strict=True):
        cell, token = torch.arange(cells, device=device)[:, None], torch.arange(tokens, device=device)[None, :]
        inside = (token >= cell * tokens // cells) & (token < -((cell + 1) * tokens // -cells))
        means = torch.kron(means, inside.float() / inside.sum(dim=1, keepdim=True))
    return means
