"""STViT as its equations read: the baseline that `benchmarks.super_tokens` measures the real one against.

Channels-first maps, every convolution a convolution, features moved between neighbouring cells by convolving with the
nine one-hot kernels that each checkpoint carries (one image of one channel at a time), attention as two products and a
softmax. Nothing is left out and nothing is computed twice, and it reads the state of `SuperTokenClassifier` as it is.

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167), section 3.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def classify(
    state: State, image: Tensor, depths: tuple[int, ...], heads: tuple[int, ...], grid: tuple[int, ...]
) -> Tensor:
    """Logits of images (B, 3, height, width), one round of association.

    Args:
        state: a classifier's state dict.
        depths, heads, grid: blocks, attention heads and side of a cell per stage.
    """
    x = image
    for position, stride in ((0, 2), (3, 1), (6, 2), (9, 1)):
        x = F.gelu(_conv(state, f"patch_embed.proj.{position}", x, stride, padding=1))
        x = _batch_norm(state, f"patch_embed.proj.{position + 2}", x)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            x = _block(state, f"layers.{stage}.blocks.{block}", x, heads[stage], grid[stage])
        if stage + 1 < len(depths):
            x = _conv(state, f"layers.{stage}.downsample.proj.0", x, stride=2, padding=1)
            x = _batch_norm(state, f"layers.{stage}.downsample.proj.1", x)
    x = _batch_norm(state, "norm", _conv(state, "proj", x))
    x = x * x.sigmoid()
    return F.linear(x.mean((2, 3)), state["head.weight"], state["head.bias"])


def _block(state: State, name: str, x: Tensor, heads: int, side: int) -> Tensor:
    channels = x.shape[1]
    x = x + _conv(state, f"{name}.pos_embed.conv", x, padding=1, groups=channels)
    weight, bias = state[f"{name}.norm1.norm.weight"], state[f"{name}.norm1.norm.bias"]
    normed = F.layer_norm(x.permute(0, 2, 3, 1), (channels,), weight, bias, 1e-6).permute(0, 3, 1, 2).contiguous()
    attend = _attention if side == 1 else super_token_attention
    branch = attend(state, f"{name}.attn", normed, heads, side)
    x = x + state.get(f"{name}.gamma_1", 1) * branch
    hidden = F.gelu(_conv(state, f"{name}.mlp2.fc1", _batch_norm(state, f"{name}.norm2", x)))
    hidden = hidden + _conv(state, f"{name}.mlp2.conv.conv", hidden, padding=1, groups=hidden.shape[1])
    return x + state.get(f"{name}.gamma_2", 1) * _conv(state, f"{name}.mlp2.fc2", hidden)


def super_token_attention(state: State, name: str, x: Tensor, heads: int, side: int) -> Tensor:
    """Sample super tokens, let them attend to each other, carry the result back: (B, C, H, W) -> (B, C, H, W).

    Args:
        name: of the attention in the state.
        side: of a cell in tokens.
    """
    images, channels, height, width = x.shape
    padded = F.pad(x, (0, -width % side, 0, -height % side))
    rows, columns = padded.shape[2] // side, padded.shape[3] // side
    tokens = F.adaptive_avg_pool2d(padded, (rows, columns))
    pixels = padded.reshape(images, channels, rows, side, columns, side).permute(0, 2, 4, 3, 5, 1)
    pixels = pixels.reshape(images, rows * columns, side * side, channels)
    association = (pixels @ _unfold(state, name, tokens) * channels**-0.5).softmax(-1)
    mass = _fold(state, name, association.sum(2).transpose(1, 2).reshape(images, 9, rows, columns))
    sent = (pixels.transpose(2, 3) @ association).permute(0, 2, 3, 1)
    received = _fold(state, name, sent.reshape(images * channels, 9, rows, columns))
    tokens = received.reshape(images, channels, rows, columns) / (mass + 1e-12)
    tokens = _attention(state, name, tokens, heads, 1)
    result = _unfold(state, name, tokens) @ association.transpose(2, 3)
    result = result.reshape(images, rows, columns, channels, side, side).permute(0, 3, 1, 4, 2, 5)
    return result.reshape(images, channels, rows * side, columns * side)[:, :, :height, :width]


def _unfold(state: State, name: str, tokens: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h * w, C, 9): what the cells around each cell hold."""
    images, channels, rows, columns = tokens.shape
    single = tokens.reshape(images * channels, 1, rows, columns)
    around = F.conv2d(single, state[f"{name}.unfold.weights"], padding=1)
    return around.reshape(images, channels, 9, rows * columns).permute(0, 3, 1, 2)


def _fold(state: State, name: str, sent: Tensor) -> Tensor:
    """(N, 9, h, w) -> (N, 1, h, w): the sum of what the cells around each cell send to it."""
    return F.conv_transpose2d(sent, state[f"{name}.fold.weights"], padding=1)


def _attention(state: State, name: str, x: Tensor, heads: int, _: int) -> Tensor:
    images, channels, height, width = x.shape
    qkv = _conv(state, f"{name}.stoken_refine.qkv", x)
    query, key, value = qkv.reshape(images, heads, 3, channels // heads, height * width).unbind(2)
    weights = (query.transpose(2, 3) @ key * (channels // heads) ** -0.5).softmax(-1)
    mixed = value @ weights.transpose(2, 3)
    return _conv(state, f"{name}.stoken_refine.proj", mixed.reshape(images, channels, height, width))


def _conv(state: State, name: str, x: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding, 1, groups)


def _batch_norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"])
