"""The parts of a Swin stage that never become sparse: patch embedding, MLP, patch merging."""

import torch.nn.functional as F
from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """Images to tokens: a convolution with kernel = stride, zero-padded at the bottom and right."""

    def __init__(self, in_channels: int, channels: int, patch_size: int, norm: bool) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.projection = nn.Conv2d(in_channels, channels, patch_size, patch_size)
        self.norm = nn.LayerNorm(channels) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, height, width) -> (B, H*W, C)."""
        bottom, right = -x.shape[2] % self.patch_size, -x.shape[3] % self.patch_size
        if bottom or right:
            x = F.pad(x, (0, right, 0, bottom))
        tokens: Tensor = self.projection(x).flatten(2).transpose(1, 2)
        return tokens if self.norm is None else self.norm(tokens)


class FeedForward(nn.Module):
    """Linear, GELU, Linear, under the names that mmdet's checkpoints use (`layers.0.0`, `layers.1`)."""

    def __init__(self, channels: int, hidden: int, drop_rate: float) -> None:
        super().__init__()
        inner = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Dropout(drop_rate))
        self.layers = nn.Sequential(inner, nn.Linear(hidden, channels), nn.Dropout(drop_rate))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        output: Tensor = self.layers(x)
        return output


class PatchMerging(nn.Module):
    """Halves the map and doubles the channels; the 2 x 2 patch is flattened channel first, as `nn.Unfold` does."""

    def __init__(self, channels: int, norm: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels) if norm else None
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, H*W, C) -> (B, ceil(H/2)*ceil(W/2), 2C)."""
        (height, width), channels = size, tokens.shape[-1]
        tokens = tokens.reshape(-1, height, width, channels)
        if height % 2 or width % 2:
            tokens = F.pad(tokens, (0, 0, 0, width % 2, 0, height % 2))
        half_height, half_width = (height + 1) // 2, (width + 1) // 2
        patches = tokens.reshape(-1, half_height, 2, half_width, 2, channels).permute(0, 1, 3, 5, 2, 4)
        merged = patches.reshape(-1, half_height * half_width, 4 * channels)
        output: Tensor = self.reduction(merged if self.norm is None else self.norm(merged))
        return output
