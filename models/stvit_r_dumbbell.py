"""The dumbbell of STViT-R's detection forward: generate semantic tokens, process them, recover the map.

Source: STViT-R (arXiv 2303.08685), section 3, figure 3; the released detection code where it differs.
Letters: B images, H x W image tokens, C channels, n windows of side w, s x s semantic tokens per window.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.stvit_r_geometry import SemanticGrid
from models.stvit_r_layers import SemanticBlock, SwinBlock
from models.stvit_r_plan import BLOCKS, Dumbbell
from models.stvit_r_reach import Mask
from models.window_layout import cut

Call: TypeAlias = Callable[..., Tensor]
"""Calls its first argument with the others; with gradient checkpointing, or without."""

Tell: TypeAlias = Callable[[int, str, Tensor], None]
"""Receives (block, what, tensor): what a block put out, and the pooled tokens."""


def run_dumbbell(
    blocks: Sequence[nn.Module],
    tokens: Tensor,
    grid: SemanticGrid,
    run: Dumbbell,
    mask: Mask,
    call: Call,
    tell: Tell | None = None,
) -> Tensor:
    """Six blocks: (B, H*W, C) -> (B, H*W, C).

    Args:
        blocks: a Swin block, two that generate, two that process, one that recovers.
        grid: the windows of the map.
        run: tokens per window and sizes of the key windows.
        mask: which keys are hidden.
        call: how a block is called.
        tell: told of what every block puts out.
    """
    swin, first, second, local, every, recover = unpack(blocks)
    tokens = call(swin, tokens, (grid.height, grid.width), 0)
    semantic = pool_windows(tokens, grid, run.s)
    if tell is not None:
        tell(0, "out", tokens)
        tell(1, "pooled", semantic)
    if first.conv_pos is not None:
        semantic = first.conv_pos(cut(semantic, grid.down * grid.across), run.s).view_as(semantic)
    generated = call(first.windowed, semantic, tokens, grid.generate(run.s, run.k1, mask))
    refined = call(second.windowed, generated, tokens, grid.generate(run.s, run.k2, mask))
    mixed = call(local.among, refined, grid.down * grid.across)
    semantic = call(every.among, mixed)
    recovered = call(recover.windowed, tokens, to_grid(semantic, grid, run.s), grid.recover(run.s, run.kr, mask))
    if tell is not None:
        for block, output in enumerate((generated, refined, mixed, semantic), start=1):
            tell(block, "out", to_grid(output, grid, run.s))
        tell(5, "out", recovered)
    return recovered


def skip_dumbbell(blocks: Sequence[nn.Module], tokens: Tensor) -> Tensor:
    """A dropped dumbbell: the map passes; in training its parameters get zero gradients, which DDP waits for."""
    if not torch.is_grad_enabled():
        return tokens
    parameters = [parameter.sum() for block in blocks for parameter in block.parameters() if parameter.requires_grad]
    return tokens + 0 * torch.stack(parameters).sum() if parameters else tokens


def unpack(
    blocks: Sequence[nn.Module],
) -> tuple[SwinBlock, SemanticBlock, SemanticBlock, SemanticBlock, SemanticBlock, SemanticBlock]:
    """The six blocks of a dumbbell under their types."""
    assert len(blocks) == BLOCKS
    swin, *semantic = blocks
    assert isinstance(swin, SwinBlock)
    first, second, local, every, recover = (block for block in semantic if isinstance(block, SemanticBlock))
    return swin, first, second, local, every, recover


def pool_windows(tokens: Tensor, grid: SemanticGrid, s: int) -> Tensor:
    """Initial semantic tokens: adaptive max pooling of every window to s x s.

    Args:
        tokens: (B, H*W, C); windows are filled up with zeros, which take part in the maximum.
    Returns:
        (B, n*s*s, C), window by window. Neighbouring bins share tokens when s does not divide w.
    """
    w, down, across = grid.window, grid.down, grid.across
    image = torch.unflatten(tokens, 1, (grid.height, grid.width))
    bottom, right = down * w - grid.height, across * w - grid.width
    if bottom or right:
        image = F.pad(image, (0, 0, 0, right, 0, bottom))
    bins = [(i * w // s, -(-(i + 1) * w // s)) for i in range(s)]
    rows = torch.unflatten(image, 1, (down, w))  # (B, n_h, w, W, C)
    rows = torch.stack([rows[:, :, first:last].amax(2) for first, last in bins], dim=2)
    columns = torch.unflatten(rows, 3, (across, w))  # (B, n_h, s, n_w, w, C)
    columns = torch.stack([columns[:, :, :, :, first:last].amax(4) for first, last in bins], dim=4)
    return columns.transpose(2, 3).flatten(1, 4)


def to_grid(semantic: Tensor, grid: SemanticGrid, s: int) -> Tensor:
    """(B, n*s*s, C) window by window -> (B, n_h*s * n_w*s, C) row by row of the whole grid."""
    return torch.unflatten(semantic, 1, (grid.down, grid.across, s, s)).transpose(2, 3).flatten(1, 4)
