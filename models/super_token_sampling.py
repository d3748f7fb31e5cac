"""Super tokens: a map becomes few tokens through a soft association with nearby cells, and returns by the same one.

Pure functions on channels-last maps: a cell's tokens lie together in memory, and every step is one matrix product.
Letters: B images, H x W tokens, C channels, h x w cells (= super tokens), n tokens in a cell, 9 neighbours of a cell
(itself included) row by row from the upper left. Beyond the border of the grid every neighbour is the zero vector: it
is not masked, so a border token gives part of its weight away. The published weights were trained with that.

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167), section 3.2.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch.nn.functional as F
from torch import Tensor

from models.super_token_plan import Cell

Trace: TypeAlias = Callable[[str, Tensor], None]
"""Receives (name, tensor) for what a pass works out: `s0.b1.association0`, `s0.b1.super_tokens`, ..."""

EMPTY = 1e-12
"""Added to the mass of a super token, which is positive anyway because a cell receives its own tokens."""


def to_cells(x: Tensor, cell: Cell) -> Tensor:
    """(B, H, W, C) -> (B, h, w, n, C), zero-padded at the bottom and right where the cell does not divide the map."""
    bottom, right = -x.shape[1] % cell[0], -x.shape[2] % cell[1]
    if bottom or right:
        x = F.pad(x, (0, 0, 0, right, 0, bottom))
    images, height, width, channels = x.shape
    parts = x.view(images, height // cell[0], cell[0], width // cell[1], cell[1], channels)
    return parts.transpose(2, 3).reshape(images, height // cell[0], width // cell[1], cell[0] * cell[1], channels)


def from_cells(cells: Tensor, cell: Cell, size: tuple[int, int]) -> Tensor:
    """(B, h, w, n, C) -> (B, H, W, C), without the padding; undoes `to_cells`.

    Args:
        size: (H, W).
    """
    images, rows, columns, _, channels = cells.shape
    parts = cells.view(images, rows, columns, cell[0], cell[1], channels).transpose(2, 3)
    x = parts.reshape(images, rows * cell[0], columns * cell[1], channels)
    return x[:, : size[0], : size[1]]


def neighbours(grid: Tensor) -> Tensor:
    """(B, h, w, C) -> (B, h, w, 9, C): what the nine cells around each cell hold.

    The result is one copy that reads nine shifted slices of the grid with a border of zeros.
    """
    _, rows, columns, channels = grid.shape
    bordered = F.pad(grid, (0, 0, 1, 1, 1, 1))
    around = bordered.unfold(1, 3, 1).unfold(2, 3, 1)  # (B, h, w, C, 3, 3), a view
    return around.permute(0, 1, 2, 4, 5, 3).reshape(-1, rows, columns, 9, channels)


def gather_sent(sent: Tensor) -> Tensor:
    """(B, h, w, 9, C) -> (B, h, w, C): the sum of what the nine cells around each cell send to it.

    The adjoint of `neighbours`: what was sent beyond the border is lost.
    """
    _, rows, columns, _, _ = sent.shape
    bordered = F.pad(sent, (0, 0, 0, 0, 1, 1, 1, 1))
    total = bordered[:, 2:, 2:, 0]
    for k in range(1, 9):
        # neighbour k of a cell lies (k // 3 - 1, k % 3 - 1) away; it is reached from the opposite side
        top, left = 2 - k // 3, 2 - k % 3
        total = total + bordered[:, top : top + rows, left : left + columns, k]
    return total


def sample(cells: Tensor, iterations: int, trace: Trace | None = None) -> tuple[Tensor, Tensor]:
    """Super tokens of a map, and the association they were made with.

    Gradients reach the super tokens through the averaged tokens alone: the association is a constant, as published.

    Args:
        cells: (B, h, w, n, C).
        iterations: rounds, at least 1.
        trace: told of the association of every round, (B, h, w, 9, n).
    Returns:
        super tokens (B, h, w, C), and the last association (B, h, w, 9, n) in float32.
    Source: equations 2 to 5.
    """
    constant = cells.detach()
    tokens = constant.mean(3)
    for step in range(iterations):
        association = associate(constant, tokens)
        if trace is not None:
            trace(f"association{step}", association)
        tokens = aggregate(cells if step + 1 == iterations else constant, association)
    return tokens, association


def associate(cells: Tensor, tokens: Tensor) -> Tensor:
    """How much of each token belongs to each of the nine super tokens around its cell, (B, h, w, 9, n), float32.

    The scale is that of all C channels, not of one attention head. The nine come before the tokens, because a softmax
    over nine neighbouring numbers at a time is ten times slower on CPUs than one over nine rows.

    Args:
        cells: (B, h, w, n, C).
        tokens: (B, h, w, C) super tokens.
    Source: equation 3.
    """
    logits = neighbours(tokens) @ cells.transpose(3, 4)
    association: Tensor = (logits.float() * cells.shape[-1] ** -0.5).softmax(3)
    return association


def aggregate(cells: Tensor, association: Tensor) -> Tensor:
    """The mean of all tokens under the association: (B, h, w, n, C) -> (B, h, w, C).

    Sums over cells run in float32 also for half precision, where the mass of a large cell would lose digits.

    Source: equations 4 and 5.
    """
    sent = association.to(cells.dtype) @ cells
    mass = gather_sent(association.sum(4, keepdim=True))
    return (gather_sent(sent.float()) / (mass + EMPTY)).to(cells.dtype)


def spread(tokens: Tensor, association: Tensor) -> Tensor:
    """Super tokens back to their tokens: (B, h, w, C) -> (B, h, w, n, C).

    Source: equation 8.
    """
    return association.to(tokens.dtype).transpose(3, 4) @ neighbours(tokens)
