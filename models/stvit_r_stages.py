"""The stages of STViT-R as modules, the same for detection and classification.

Letters: B images, H x W tokens, C channels.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.errors import InputError
from models.stvit_r_geometry import STAGE
from models.stvit_r_layers import Merging, SemanticBlock, SwinBlock
from models.stvit_r_plan import BLOCKS

Trace: TypeAlias = Callable[[str, Tensor], None]
"""Receives (name, tensor): `stem`, `s2.b1.pooled`, `s2.b1.out`, ..."""


class Stage(nn.Module):
    """The blocks of one resolution, and merging to the next."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: Merging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def dumbbells(self) -> Iterator[list[nn.Module]]:
        """The blocks in sixes."""
        blocks = list(self.blocks)
        return (blocks[first : first + BLOCKS] for first in range(0, len(blocks), BLOCKS))


def build_stages(
    embed_dims: int,
    depths: Sequence[int],
    num_heads: Sequence[int],
    window_size: int,
    mlp_ratio: float,
    drop_path_rate: float,
    use_conv_pos: bool,
) -> nn.ModuleList:
    """All stages; arguments as in `STViTR`."""
    drop_paths = [drop_path_rate * block / max(1, sum(depths) - 1) for block in range(sum(depths))]
    stages = []
    for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        channels = embed_dims * 2**stage
        blocks: list[nn.Module] = []
        for index in range(depth):
            drop_path, part = drop_paths.pop(0), index % BLOCKS
            if stage == STAGE and part > 0:
                blocks.append(SemanticBlock(channels, heads, mlp_ratio, drop_path, use_conv_pos and part == 1))
            else:
                blocks.append(SwinBlock(channels, heads, window_size, mlp_ratio, drop_path))
        stages.append(Stage(blocks, None if stage + 1 == len(depths) else Merging(channels)))
    for module in (module for stage in stages for module in stage.modules()):
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return nn.ModuleList(stages)


def caller(with_cp: bool) -> Callable[..., Tensor]:
    """Calls a block; with gradient checkpointing where gradients are wanted at all."""
    if with_cp and torch.is_grad_enabled():
        return lambda block, *arguments: _tensor(checkpoint(block, *arguments, use_reentrant=False))
    return lambda block, *arguments: _tensor(block(*arguments))


def _tensor(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value


def checked_size(x: Tensor, in_channels: int) -> tuple[int, int]:
    """(height, width) of a batch of images.

    Raises:
        InputError: `x` is no batch of images with `in_channels` channels.
    """
    if x.dim() != 4 or x.shape[1] != in_channels or min(x.shape[2:]) < 1:
        raise InputError(f"expected images of shape (batch, {in_channels}, height, width); got {tuple(x.shape)}")
    return int(x.shape[2]), int(x.shape[3])


def telling(trace: Trace | None, dumbbell: int) -> Callable[[int, str, Tensor], None] | None:
    """A trace that knows which dumbbell it hears of."""
    if trace is None:
        return None
    return lambda block, what, value: trace(f"s{STAGE}.b{dumbbell * BLOCKS + block}.{what}", value)
