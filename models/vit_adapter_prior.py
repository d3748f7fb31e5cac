"""The convolutional side of ViT-Adapter: a pyramid of the image for the transformer, and the way back to maps.

Maps are kept channels last, where rows of channels are tokens: on a CPU, convolutions take 0.7 and resizing 0.3 of the
time that they take channels first. Source: ViT-Adapter (arXiv 2205.08534), section 3.
Letters: B images, C channels of the transformer, P channels of the stem.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class SpatialPrior(nn.Module):
    """Strided convolutions, and one linear layer per resolution to the channels of the transformer.

    Args:
        width: P.
        channels: C.
        in_channels: of the image.
    """

    def __init__(self, width: int, channels: int, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_convolution(in_channels, width, 2),
            *_convolution(width, width),
            *_convolution(width, width),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.conv2 = nn.Sequential(*_convolution(width, 2 * width, 2))
        self.conv3 = nn.Sequential(*_convolution(2 * width, 4 * width, 2))
        self.conv4 = nn.Sequential(*_convolution(4 * width, 4 * width, 2))
        self.fc1 = nn.Conv2d(width, channels, 1)
        self.fc2 = nn.Conv2d(2 * width, channels, 1)
        self.fc3 = nn.Conv2d(4 * width, channels, 1)
        self.fc4 = nn.Conv2d(4 * width, channels, 1)

    def forward(self, x: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """The pyramid of a batch of images, sides divisible by 32.

        Args:
            x: (B, in_channels, height, width).
            levels: (3, C) embeddings of the resolutions 1/8, 1/16 and 1/32.
        Returns:
            the map of 1/4, (B, height / 4, width / 4, C), and the tokens of the others, one after the other, (B, M, C).
        """
        finest = _run(self.stem, x.contiguous(memory_format=torch.channels_last))
        maps, tokens = finest, []
        for level, (block, linear) in enumerate(
            ((self.conv2, self.fc2), (self.conv3, self.fc3), (self.conv4, self.fc4))
        ):
            maps = _run(block, maps)
            # an embedding is one more bias
            tokens.append(_pointwise(maps, linear, levels[level]).flatten(1, 2))
        return _pointwise(finest, self.fc1), torch.cat(tokens, 1)


def upsample(tokens: Tensor, size: tuple[int, int], layer: nn.ConvTranspose2d) -> Tensor:
    """A transposed convolution of 2 x 2 with stride 2, as one product: (B, h*w, C) -> (B, 2h, 2w, C)."""
    channels = layer.weight.shape[1]
    bias = cast(Tensor, layer.bias)
    four = F.linear(tokens, layer.weight.permute(2, 3, 1, 0).reshape(4 * channels, -1), bias.repeat(4))
    places = four.view(-1, *size, 2, 2, channels).transpose(2, 3)
    return places.reshape(-1, 2 * size[0], 2 * size[1], channels)


def _convolution(inside: int, outside: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True)


def _run(layers: nn.Sequential, x: Tensor) -> Tensor:
    """The layers in order. In evaluation a norm is a factor and a shift, so its convolution does its work."""
    steps = iter(layers)
    for layer in steps:
        if isinstance(layer, nn.Conv2d):
            norm = next(steps)
            if isinstance(norm, _BatchNorm) and not norm.training and norm.running_var is not None:
                x = _folded(x, layer, norm)
            else:
                x = norm(layer(x))
        else:
            x = layer(x)
    return x


def _folded(x: Tensor, convolution: nn.Conv2d, norm: _BatchNorm) -> Tensor:
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    # in half precision, small variances would be lost
    factor = norm.weight.float() * torch.rsqrt(variance.float() + norm.eps)
    shift = norm.bias.float() - mean.float() * factor
    weight = (convolution.weight * factor.view(-1, 1, 1, 1)).to(convolution.weight.dtype)
    return F.conv2d(
        x,
        weight.contiguous(memory_format=torch.channels_last),
        shift.to(weight.dtype),
        convolution.stride,
        cast(tuple[int, int], convolution.padding),
    )


def _pointwise(maps: Tensor, layer: nn.Conv2d, shift: Tensor | None = None) -> Tensor:
    """A 1 x 1 convolution of maps, as a linear layer of its tokens: (B, c, h, w) -> (B, h, w, C)."""
    bias = cast(Tensor, layer.bias)
    return F.linear(maps.permute(0, 2, 3, 1), layer.weight.flatten(1), bias if shift is None else bias + shift)
