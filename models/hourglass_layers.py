"""The parts of a Swin transformer over frames, rows and columns, named as the authors' checkpoints name them.

Letters: B samples, L tokens of a map, n windows, T tokens in a window, C channels.
Source: Swin Transformer (arXiv 2103.14030), Video Swin Transformer (arXiv 2106.13230).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.drop_path import DropPath
from models.hourglass_geometry import projects_first
from models.hourglass_plan import Size
from models.hourglass_rules import Padding
from models.hourglass_windows import Windows, into_windows, take
from models.stvit_r_layers import FeedForward

CACHED = 2**20
"""Numbers that stay in the cache of a CPU from one layer to the next (4 MB in float32)."""


def travels(tokens: Tensor, numbers: int) -> bool:
    """Whether a hidden map of so many numbers is so large that it had better be made, and used, part by part.

    On a CPU it would go through the memory once per layer, and beyond 32 MB also be handed out anew by the operating
    system each time. Gradients need it whole.
    """
    return tokens.is_cpu and not torch.is_grad_enabled() and numbers > 8 * CACHED


class PatchEmbed(nn.Module):
    """Images or clips to tokens: a convolution with kernel = stride, zero-padded at the end of every axis.

    Args:
        patch: (frames, height, width) of a patch.
        flat: for images, which have no axis for frames.
        norm: LayerNorm behind the convolution.
    """

    def __init__(self, in_channels: int, channels: int, patch: Size, flat: bool, norm: bool) -> None:
        super().__init__()
        self.patch = patch
        self.proj: nn.Conv2d | nn.Conv3d
        if flat:
            self.proj = nn.Conv2d(in_channels, channels, patch[1:], patch[1:])
        else:
            self.proj = nn.Conv3d(in_channels, channels, patch, patch)
        if norm:
            self.norm: nn.LayerNorm | None = nn.LayerNorm(channels)
        else:
            self.norm = None

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, [frames,] height, width) -> (B, L, C)."""
        axes = zip(reversed(x.shape[2:]), reversed(self.patch), strict=False)
        ends = [-length % side for length, side in axes]
        if any(ends):
            x = F.pad(x, [amount for end in ends for amount in (0, end)])
        # channels last, the convolution puts out what the tokens are, without a transposed copy
        layout = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        tokens: Tensor = self.proj(x.contiguous(memory_format=layout)).flatten(2).transpose(1, 2)
        return tokens if self.norm is None else self.norm(tokens)


class Attention(nn.Module):
    """Multi-head self-attention inside windows.

    Args:
        channels, heads: C, a multiple of the heads.
        window: tokens per axis that the table of relative positions is for.
        qkv_bias: bias in the query/key/value projection.
        qk_scale: factor on the logits; None means (C / heads) ** -0.5.
    """

    def __init__(
        self, channels: int, heads: int, window: Size, qkv_bias: bool = True, qk_scale: float | None = None
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = qk_scale or (channels // heads) ** -0.5
        rows = (2 * window[0] - 1) * (2 * window[1] - 1) * (2 * window[2] - 1)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(rows, heads))
        self.qkv = nn.Linear(channels, 3 * channels, bias=qkv_bias)
        self.proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, tokens: Tensor, where: Windows, bias: Tensor, blank: Tensor | None) -> Tensor:
        """(B, L, C) -> (B, L, C).

        Args:
            where: the windows.
            bias: added to the logits, (heads, T, T).
            blank: (C,) what stands where a window hangs over the border; None: zero.
        """
        samples, count, channels = tokens.shape
        projected = projects_first(count, where.total * where.tokens)
        if projected:
            tokens = self.qkv(tokens)
            blank = self.qkv.bias if blank is None else self.qkv(blank)
        rows = into_windows(tokens, where, blank).view(samples, where.total, where.tokens, -1)
        most, mixed, first = where.total, [], 0
        if travels(tokens, samples * where.total * where.tokens * 3 * channels):
            most = max(1, CACHED // (samples * where.tokens * 3 * channels))
        elif not projected:
            rows, projected = self.qkv(rows), True
        for windows, mask in where.runs:
            total = bias if mask is None else bias + mask.to(bias.dtype)
            for start in range(first, first + windows, most):
                part = rows[:, start : min(start + most, first + windows)]
                mixed.append(self._mix(part if projected else self.qkv(part), total))
            first += windows
        together = mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=1)
        result: Tensor = self.proj(take(together.flatten(1, 2), where.scatter))
        return result

    def _mix(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Projections to mixed values: (B, n, T, 3C) -> (B, n, T, C)."""
        samples, windows, tokens, channels = rows.shape
        parts = rows.reshape(samples * windows, tokens, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        # four dimensions, or the fused kernel of the CPU is not taken
        output = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype).unsqueeze(0), scale=self.scale
        )
        return output.transpose(1, 2).reshape(samples, windows, tokens, channels // 3)


class Block(nn.Module):
    """norm, windowed attention, norm, MLP, each half with a residual connection.

    Args:
        window: tokens per axis that the table of relative positions is for.
        drop_path: probability that a half is dropped while training.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        window: Size,
        mlp_ratio: float,
        qkv_bias: bool,
        qk_scale: float | None,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = Attention(channels, heads, window, qkv_bias, qk_scale)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = FeedForward(channels, int(channels * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor, where: Windows, bias: Tensor, padding: Padding) -> Tensor:
        """(B, L, C) -> (B, L, C).

        Args:
            where: the windows.
            bias: of relative positions, (heads, T, T).
            padding: see `Padding`.
        """
        blank = self.norm1.bias if padding == "before_norm" else None
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens), where, bias, blank))
        hidden = tokens.shape[0] * self.mlp.fc1.out_features
        if travels(tokens, hidden * tokens.shape[1]):
            rows = max(1, CACHED // hidden)
            return torch.cat([self._feed(part) for part in tokens.split(rows, dim=1)], dim=1)  # type: ignore[no-untyped-call]
        return self._feed(tokens)

    def _feed(self, tokens: Tensor) -> Tensor:
        output: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return output
