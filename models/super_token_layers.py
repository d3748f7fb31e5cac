"""The parts of STViT around its attention: stem, position encoding, feed-forward part, downsampling.

Maps stay channels-last from the stem to the end: (B, H, W, C) in memory, so a 1 x 1 convolution is a matrix product,
LayerNorm needs no transposing, and for the other convolutions the same memory is a channels-last (B, C, H, W) view.

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167), section 3.1; names as in its checkpoints.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.onednn import product


def to_map(x: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W), a view that is contiguous in channels-last order."""
    return x.permute(0, 3, 1, 2)


def to_tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), contiguous; a view where the map is in channels-last order already."""
    return x.permute(0, 2, 3, 1).contiguous()


def pointwise(x: Tensor, conv: nn.Conv2d, gelu: bool = False) -> Tensor:
    """A 1 x 1 convolution of channels-last tokens, and GELU where asked for: (B, H, W, C) -> (B, H, W, C')."""
    weight = conv.weight.flatten(1)
    result = product(x, weight, conv.bias, gelu)
    if result is None:
        result = F.linear(x, weight, conv.bias)
        result = F.gelu(result) if gelu else result
    return result


class Stem(nn.Module):
    """Four convolutions to a quarter of the resolution, each followed by GELU and *then* BatchNorm, as trained."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        narrow = channels // 2
        for before, after, stride in ((in_channels, narrow, 2), (narrow, narrow, 1), (narrow, channels, 2)):
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.GELU(), nn.BatchNorm2d(after)]
        layers += [nn.Conv2d(channels, channels, 3, 1, 1), nn.GELU(), nn.BatchNorm2d(channels)]
        self.proj = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, height, width) -> (B, H, W, C)."""
        return to_tokens(self.proj(x.contiguous(memory_format=torch.channels_last)))


class TokenNorm(nn.Module):
    """LayerNorm over the channels of every token, under the name the checkpoints use."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        normed: Tensor = self.norm(x)
        return normed


class ResidualDepthwise(nn.Module):
    """x + depthwise 3 x 3 convolution of x: a block's position encoding, and the middle of its feed-forward part."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        if x.is_cpu and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
            # adding 1 to the middle of the kernel saves a pass over the map; in less precise arithmetic (half, and
            # TF32 on GPUs) the sum would round the kernel, and x with it
            weight = self.conv.weight
            weight = weight + F.pad(weight.new_ones(1, 1), (1, 1, 1, 1))
            return to_tokens(F.conv2d(to_map(x), weight, self.conv.bias, padding=1, groups=x.shape[3]))
        return x + to_tokens(self.conv(to_map(x)))


class ConvFeedForward(nn.Module):
    """1 x 1 to the hidden width, GELU, a residual depthwise convolution, 1 x 1 back."""

    def __init__(self, channels: int, hidden: int, drop_rate: float) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, channels, 1)
        self.drop = nn.Dropout(drop_rate)
        self.conv = ResidualDepthwise(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H, W, C)."""
        hidden = self.drop(pointwise(x, self.fc1, gelu=True))
        output: Tensor = self.drop(pointwise(self.conv(hidden), self.fc2))
        return output


class Downsample(nn.Module):
    """Convolution with stride 2 to the channels of the next stage, then BatchNorm."""

    def __init__(self, channels: int, next_channels: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Conv2d(channels, next_channels, 3, 2, 1), nn.BatchNorm2d(next_channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, ceil(H/2), ceil(W/2), C')."""
        return to_tokens(self.proj(to_map(x)))
