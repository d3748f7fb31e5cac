"""Blocks of a plain vision transformer: attention among all tokens or in windows, and an MLP.

Letters: B images, H x W = N tokens, C channels, h heads.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.drop_path import DropPath
from models.window_layout import cut, from_windows, to_windows

Trace: TypeAlias = Callable[[str, Tensor], None]
"""Receives (name, tensor)."""


def attend(qkv: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention.

    Args:
        qkv: (B, N, 3C) queries, keys and values side by side, heads inside each.
        heads: h.
        mask: which keys are seen, broadcast to (B, h, N, N); None: all.
    Returns:
        (B, N, C).
    """
    images, tokens, triple = qkv.shape
    query, key, value = qkv.view(images, tokens, 3, heads, triple // 3 // heads).permute(2, 0, 3, 1, 4).unbind(0)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Multi-head attention of the dense blocks."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, size: tuple[int, int], window: int | None) -> Tensor:
        """(B, N, C) -> (B, N, C); inside windows of `window` x `window` tokens, or among all."""
        qkv = self.qkv(x)
        if window is None:
            mixed = attend(qkv, self.heads)
        else:
            # the places by which windows hang over the border are keys of zeros, not masked, as in the original
            windows = -(-size[0] // window) * -(-size[1] // window)
            inside = attend(cut(to_windows(qkv, size, window, 0), windows), self.heads)
            mixed = from_windows(inside.reshape(x.shape[0], -1, x.shape[2]), size, window, 0)
        result: Tensor = self.proj(mixed)
        return result


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        result: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return result


class Block(nn.Module):
    """A dense block: x + attention(norm(x)), then x + MLP(norm(x)), each scaled per channel where asked.

    Args:
        channels, heads: C and h.
        mlp_ratio: hidden channels of the MLP in units of C.
        drop_path: of both branches.
        layer_scale: learn a factor per channel for each branch.
        window: side of the attention windows in tokens; None: all tokens.
    """

    def __init__(
        self, channels: int, heads: int, mlp_ratio: float, drop_path: float, layer_scale: bool, window: int | None
    ) -> None:
        super().__init__()
        self.window = window
        self.gamma1 = nn.Parameter(torch.ones(channels)) if layer_scale else None
        self.gamma2 = nn.Parameter(torch.ones(channels)) if layer_scale else None
        self.norm1 = nn.LayerNorm(channels, 1e-6)
        self.attn = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, 1e-6)
        self.mlp = Mlp(channels, int(channels * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        branch = self.attn(self.norm1(x), size, self.window)
        x = x + self.drop_path(branch if self.gamma1 is None else self.gamma1 * branch)
        branch = self.mlp(self.norm2(x))
        result: Tensor = x + self.drop_path(branch if self.gamma2 is None else self.gamma2 * branch)
        return result


def caller(with_cp: bool) -> Callable[..., Tensor]:
    """Calls a module; with gradient checkpointing where gradients are wanted at all."""
    if with_cp and torch.is_grad_enabled():
        return lambda module, *arguments: _tensor(checkpoint(module, *arguments, use_reentrant=False))
    return lambda module, *arguments: _tensor(module(*arguments))


def _tensor(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value
