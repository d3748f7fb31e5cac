"""One block and one stage of STViT. Letters: B images, H x W tokens, C channels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.drop_path import DropPath
from models.super_token_attention import SuperTokenAttention
from models.super_token_layers import ConvFeedForward, Downsample, ResidualDepthwise, TokenNorm, to_map, to_tokens
from models.super_token_plan import BlockSetting
from models.super_token_sampling import Trace


class SuperTokenBlock(nn.Module):
    """Position encoding, super token attention, feed-forward part, each added to what came before.

    Args:
        attention: the attention branch.
        channels: C.
        mlp_ratio: hidden width of the feed-forward part in units of the channels.
        drop_rate, drop_path: probabilities while training.
        layer_scale: initial factor on both branches, learned per channel; None: no factor.
    Source: arXiv 2211.11167, equations 9 to 11.
    """

    def __init__(
        self, attention: SuperTokenAttention, channels: int, mlp_ratio: float = 4, drop_rate: float = 0.0,
        drop_path: float = 0.0, layer_scale: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.gamma_1: nn.Parameter | None = None
        self.gamma_2: nn.Parameter | None = None
        if layer_scale is not None:
            self.gamma_1 = nn.Parameter(torch.full((1, channels, 1, 1), layer_scale))
            self.gamma_2 = nn.Parameter(torch.full((1, channels, 1, 1), layer_scale))
        self.pos_embed = ResidualDepthwise(channels)
        self.norm1 = TokenNorm(channels)
        self.attn = attention
        self.norm2 = nn.BatchNorm2d(channels)
        self.mlp2 = ConvFeedForward(channels, int(channels * mlp_ratio), drop_rate)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, setting: BlockSetting, trace: Trace | None = None) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C).

        Args:
            setting: what the attention does.
            trace: told of the position encoding, the norm, both branches and what the attention tells.
        """
        x = self.pos_embed(x)
        normed = self.norm1(x)
        branch = self.attn(normed, setting, trace)
        if trace is not None:
            trace("position", x)
            trace("normed", normed)
            trace("attention", branch)
        x = x + self.drop_path(_scaled(branch, self.gamma_1))
        branch = self.mlp2(to_tokens(self.norm2(to_map(x))))
        if trace is not None:
            trace("feed_forward", branch)
        x = x + self.drop_path(_scaled(branch, self.gamma_2))
        return x


class SuperTokenStage(nn.Module):
    """Blocks at one resolution, and the way to the next."""

    def __init__(self, blocks: Sequence[SuperTokenBlock], downsample: Downsample | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor, settings: Sequence[BlockSetting], trace: Trace | None = None) -> Tensor:
        """Run the blocks (not the downsampling): (B, H, W, C) -> (B, H, W, C).

        Args:
            settings: one per block.
            trace: told what each block tells, as `b0.attention`.
        """
        for index, (block, setting) in enumerate(zip(self.blocks, settings, strict=True)):
            x = block(x, setting, prefixed(trace, f"b{index}."))
        return x


def prefixed(trace: Trace | None, prefix: str) -> Trace | None:
    """A trace that puts `prefix` before every name."""
    return None if trace is None else lambda name, value: trace(prefix + name, value)


def _scaled(branch: Tensor, gamma: Tensor | None) -> Tensor:
    return branch if gamma is None else branch * gamma.view(-1)
