"""Super token attention: sample super tokens, let them attend to each other, carry the result back.

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167), section 3.2.
Letters: B images, H x W tokens, h x w super tokens, C channels, T tokens that attend to each other.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.super_token_layers import pointwise, to_map, to_tokens
from models.super_token_plan import BlockSetting, Refine
from models.super_token_sampling import Trace, from_cells, sample, spread, to_cells


class TokenAttention(nn.Module):
    """Multi-head attention among all tokens of a map, without position bias.

    Args:
        channels: C, divisible by `heads`.
        heads: attention heads.
        qkv_bias: bias in the query/key/value projection.
        qk_scale: factor on the logits; None means (C / heads) ** -0.5.
    """

    def __init__(self, channels: int, heads: int, qkv_bias: bool = True, qk_scale: float | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.scale = qk_scale or (channels // heads) ** -0.5
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=qkv_bias)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        images, height, width, channels = x.shape
        tokens = height * width
        # q, k and v lie side by side inside each head, not all queries first
        qkv = pointwise(x, self.qkv).view(images, tokens, self.heads, 3, channels // self.heads)
        query, key, value = qkv.transpose(1, 2).unbind(3)
        mixed = F.scaled_dot_product_attention(query, key, value, scale=self.scale)
        return pointwise(mixed.transpose(1, 2).reshape(images, height, width, channels), self.proj)


class TokenConvolutions(nn.Sequential):
    """The other refinement of the released code: 1 x 1, depthwise 5 x 5, 1 x 1, without activations."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 1),
            nn.Conv2d(channels, channels, 5, padding=2, groups=channels),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        x = to_map(x)
        for layer in self:
            x = layer(x)
        return to_tokens(x)


class OneHotKernels(nn.Module):
    """Nine frozen kernels, each with a single 1: part of every checkpoint, and of no computation here.

    The released code moves features between neighbouring cells by convolving with them; `super_token_sampling` slices.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.eye(9).view(9, 1, 3, 3), requires_grad=False)


class SuperTokenAttention(nn.Module):
    """STA: attention among few super tokens instead of among all tokens.

    Args:
        channels: C, divisible by `heads`.
        heads: attention heads.
        qkv_bias, qk_scale: see `TokenAttention`.
        refine: the refinement it has weights for.
    """

    def __init__(
        self, channels: int, heads: int, qkv_bias: bool = True, qk_scale: float | None = None,
        refine: Refine = "attention",
    ) -> None:  # fmt: skip
        super().__init__()
        self.unfold = OneHotKernels()
        self.fold = OneHotKernels()
        if refine == "attention":
            self.stoken_refine: nn.Module = TokenAttention(channels, heads, qkv_bias, qk_scale)
        elif refine == "conv":
            self.stoken_refine = TokenConvolutions(channels)

    def forward(self, x: Tensor, setting: BlockSetting, trace: Trace | None = None) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C).

        Args:
            setting: cell, iterations and refinement; a refinement other than "none" must be the one of the constructor.
            trace: told of `association{round}`, `super_tokens` and `super_tokens_refined`.
        """
        if not setting.samples:
            return self._refined(x, setting, trace)
        cells = to_cells(x, setting.cell)
        tokens, association = sample(cells, setting.iterations, trace)
        tokens = self._refined(tokens, setting, trace)
        return from_cells(spread(tokens, association), setting.cell, (x.shape[1], x.shape[2]))

    def _refined(self, tokens: Tensor, setting: BlockSetting, trace: Trace | None) -> Tensor:
        if trace is not None:
            trace("super_tokens", tokens)
        if setting.refine != "none":
            tokens = self.stoken_refine(tokens)
        if trace is not None:
            trace("super_tokens_refined", tokens)
        return tokens
