"""The parts of STViT-R that hold weights, named as its checkpoints name them.

Source: STViT-R (arXiv 2303.08685); the stem and the order of merging are those of the released code.
Letters: B images, H x W tokens, C channels, n windows, T tokens in a window.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.drop_path import DropPath
from models.stvit_r_attention import attend, attend_all
from models.stvit_r_reach import Reach
from models.window_attention import WindowMSA
from models.window_layout import cut, from_windows, take, to_windows, token_windows
from models.windows import window_table


class ConvNorm(nn.Module):
    """A 3 x 3 convolution that halves the map, and batch norm."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.c = nn.Conv2d(in_channels, channels, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, height, width) -> (B, channels, height / 2, width / 2)."""
        output: Tensor = self.bn(self.c(x))
        return output


class Stem(nn.Module):
    """Images to tokens of 4 x 4 pixels by two convolutions; images are zero-padded at the bottom and right."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.proj = nn.Sequential(ConvNorm(in_channels, half), nn.Hardswish(), ConvNorm(half, channels), nn.Hardswish())

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, height, width) -> (B, H*W, C)."""
        bottom, right = -x.shape[2] % 4, -x.shape[3] % 4
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom))
        tokens: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return tokens


class Merging(nn.Module):
    """Halves the map and doubles the channels; the four tokens lie behind one another, columns of the patch first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(4 * channels)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, H*W, C) -> (B, ceil(H/2)*ceil(W/2), 2C)."""
        (height, width), channels = size, tokens.shape[-1]
        tokens = tokens.reshape(-1, height, width, channels)
        if height % 2 or width % 2:
            tokens = F.pad(tokens, (0, 0, 0, width % 2, 0, height % 2))
        half_height, half_width = (height + 1) // 2, (width + 1) // 2
        # (B, H/2, row of the patch, W/2, column of the patch, C)
        patches = tokens.reshape(-1, half_height, 2, half_width, 2, channels).permute(0, 1, 3, 4, 2, 5)
        output: Tensor = self.reduction(self.norm(patches.reshape(-1, half_height * half_width, 4 * channels)))
        return output


class FeedForward(nn.Module):
    """Linear, GELU, Linear."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        output: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return output


class SwinBlock(nn.Module):
    """W-MSA and MLP on a whole map; border windows are filled up with zeros after the norm, as in stock Swin."""

    def __init__(self, channels: int, heads: int, window_size: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowMSA(channels, heads, window_size)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = FeedForward(channels, int(channels * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor, size: tuple[int, int], shift: int) -> Tensor:
        """(B, H*W, C) -> (B, H*W, C)."""
        side = self.window_size
        windows = to_windows(self.norm1(tokens), size, side, shift)
        bias = self.attn.bias()
        if shift:
            table = window_table(*size, side, shift, tokens.device)
            kind = table.kind.repeat(tokens.shape[0])
            bias = (bias + table.masks.to(bias.dtype).unsqueeze(1))[kind]
        mixed = self.attn(windows.reshape(-1, side**2, windows.shape[-1]), bias).view_as(windows)
        tokens = tokens + self.drop_path(from_windows(mixed, size, side, shift))
        output: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return output


class CrossAttention(nn.Module):
    """The projections of multi-head attention; queries and keys may come from different maps."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)


class DepthwisePosition(nn.Module):
    """Adds a 3 x 3 depthwise convolution over the s x s tokens of a window, where a checkpoint was trained with it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, groups=channels))

    def forward(self, tokens: Tensor, side: int) -> Tensor:
        """(G, s*s, C) -> (G, s*s, C)."""
        image = torch.unflatten(tokens.transpose(1, 2), 2, (side, side))
        position: Tensor = self.proj(image)
        return tokens + position.flatten(2).transpose(1, 2)


class SemanticBlock(nn.Module):
    """Attention and MLP of a dumbbell: queries and keys share a norm, both branches are scaled per channel."""

    def __init__(
        self, channels: int, heads: int, mlp_ratio: float, drop_path: float, conv_position: bool = False
    ) -> None:
        super().__init__()
        self.layer_scale_1 = nn.Parameter(torch.full((channels,), 1e-5))
        self.layer_scale_2 = nn.Parameter(torch.full((channels,), 1e-5))
        self.norm1 = nn.LayerNorm(channels)
        self.attn = CrossAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = FeedForward(channels, int(channels * mlp_ratio))
        self.drop_path = DropPath(drop_path)
        self.conv_pos = DepthwisePosition(channels) if conv_position else None

    def windowed(self, tokens: Tensor, keys: Tensor, reach: Reach) -> Tensor:
        """Tokens look at keys through windows: (B, Q, C), (B, N, C) -> (B, Q, C)."""
        # padding enters before the norm, and so leaves it as the norm's bias: one more key
        rows = self.attn.kv(self.norm1(F.pad(keys, (0, 0, 0, 1))))
        mixed = self.attn.proj(attend(self.attn.q(self.norm1(tokens)), rows, self.attn.heads, reach))
        if self.training and self.drop_path.probability > 0:
            mixed = mixed * self._window_factor(mixed, reach)
        return self.feed(torch.addcmul(tokens, self.layer_scale_1, mixed))

    def among(self, tokens: Tensor, windows: int = 1) -> Tensor:
        """Tokens look at one another, inside each of `windows` equal runs: (B, Q, C) -> (B, Q, C)."""
        normed = self.norm1(tokens)
        query, rows = cut(self.attn.q(normed), windows), cut(self.attn.kv(normed), windows)
        return self._mixed(tokens, attend_all(query, rows, self.attn.heads).view_as(tokens))

    def among_and(self, tokens: Tensor, others: Tensor) -> Tensor:
        """Tokens look at one another and at others: (B, Q, C), (B, N, C) -> (B, Q, C)."""
        normed = self.norm1(tokens)
        rows = self.attn.kv(torch.cat([normed, self.norm1(others)], dim=1))
        return self._mixed(tokens, attend_all(self.attn.q(normed), rows, self.attn.heads))

    def looking_at(self, tokens: Tensor, others: Tensor) -> Tensor:
        """Tokens look at others: (B, Q, C), (B, N, C) -> (B, Q, C)."""
        rows = self.attn.kv(self.norm1(others))
        return self._mixed(tokens, attend_all(self.attn.q(self.norm1(tokens)), rows, self.attn.heads))

    def feed(self, tokens: Tensor) -> Tensor:
        """The MLP half: (B, Q, C) -> (B, Q, C)."""
        return torch.addcmul(tokens, self.layer_scale_2, self.drop_path(self.mlp(self.norm2(tokens))))

    def _mixed(self, tokens: Tensor, values: Tensor) -> Tensor:
        return self.feed(torch.addcmul(tokens, self.layer_scale_1, self.drop_path(self.attn.proj(values))))

    def _window_factor(self, mixed: Tensor, reach: Reach) -> Tensor:
        # the released code runs this branch on windows as if they were images, so each window is dropped on its own
        images = mixed.shape[0]
        factor: Tensor = self.drop_path(mixed.new_ones(images * reach.windows, 1)).view(images, reach.windows, 1)
        if reach.window_major:
            return factor.repeat_interleave(reach.query_side**2, dim=1)
        return take(factor, token_windows(reach.query_rows, reach.query_columns, reach.query_side, mixed.device))
