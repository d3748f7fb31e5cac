"""Multi-scale deformable attention: every query reads a few points of a few maps, at places it chooses itself.

Source: Deformable DETR (arXiv 2010.04159), equation 3.
Letters: B images, Q queries, C channels, A heads of D channels, L maps (levels), P points in each, S places of all.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import InputError

Sizes: TypeAlias = tuple[tuple[int, int], ...]
"""(height, width) of every map."""

Sampler: TypeAlias = Callable[[Tensor, Sizes, Tensor, Tensor, Tensor], Tensor]
"""What `sample` is."""


class DeformableAttention(nn.Module):
    """Queries choose where to look and how much each place counts; values are looked up between the pixels.

    Args:
        channels: C.
        heads: A.
        levels, points: L maps, and P points in each, per head.
        ratio: channels of the values in units of C.
    Raises:
        InputError: the heads do not divide the channels of the values.
    """

    def __init__(self, channels: int, heads: int, levels: int, points: int, ratio: float = 1.0) -> None:
        super().__init__()
        inner = int(channels * ratio)
        if heads < 1 or inner % heads:
            raise InputError(f"{inner} channels of values cannot be divided among {heads} heads")
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(channels, heads * levels * points * 2)
        self.attention_weights = nn.Linear(channels, heads * levels * points)
        self.value_proj = nn.Linear(channels, inner)
        self.output_proj = nn.Linear(inner, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Heads start looking in directions of their own, point after point further away, all with equal weight."""
        for layer in (self.sampling_offsets, self.attention_weights):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for layer in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        start = [
            (point + 1) * side / max(abs(math.cos(angle)), abs(math.sin(angle)))
            for angle in (2 * math.pi * head / self.heads for head in range(self.heads))
            for _ in range(self.levels)
            for point in range(self.points)
            for side in (math.cos(angle), math.sin(angle))
        ]
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(torch.tensor(start, device=self.sampling_offsets.bias.device))

    def forward(self, query: Tensor, places: Tensor, features: Tensor, sizes: Sizes) -> Tensor:
        """Attention of the queries to the maps.

        Args:
            query: (B, Q, C).
            places: (Q, 2) where each query stands, (x, y) in 0..1 of the image.
            features: (B, S, C), the maps one after the other, row by row.
            sizes: of the maps.
        Returns:
            (B, Q, C).
        Raises:
            InputError: `features` are no maps of these sizes.
        """
        images, queries, channels = query.shape
        if features.shape[1] != sum(height * width for height, width in sizes) or len(sizes) != self.levels:
            raise InputError(
                f"features of shape {tuple(features.shape)} are no {self.levels} maps of (height, width) {sizes}"
            )
        # one product for all three; with queries along the last axis, everything after it runs over long rows
        offsets = self.sampling_offsets.weight.view(-1, 2, channels)
        matrix = torch.cat((offsets[:, 0], offsets[:, 1], self.attention_weights.weight))
        start = self.sampling_offsets.bias.view(-1, 2)
        bias = torch.cat((start[:, 0], start[:, 1], self.attention_weights.bias))
        chosen = torch.addmm(bias[:, None], matrix, query.reshape(-1, channels).t())
        # coordinates need more digits than half precision has
        exact = torch.float64 if chosen.dtype == torch.float64 else torch.float32
        shape = (self.heads, self.levels, self.points, images * queries)
        x, y, logits = chosen.to(exact).view(3, *shape).unbind(0)
        weights = logits.reshape(self.heads, -1, shape[-1]).softmax(1).view(shape)
        stand_x, stand_y = (_pixels(places[:, axis].to(exact), sizes, axis, images) for axis in (0, 1))
        values = self.value_proj(features)
        head_values = values.view(images, -1, self.heads, values.shape[-1] // self.heads).to(exact)
        choose = (_compiled() if values.is_cuda else None) or sample
        mixed = choose(head_values, sizes, x + stand_x, y + stand_y, weights)
        result: Tensor = self.output_proj(mixed.to(values.dtype))
        return result


def sample(values: Tensor, sizes: Sizes, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of values read between pixels; outside of a map all is 0.

    One look-up of rows per (query, head), weighted and summed on the way: an embedding bag. Over the usual
    `grid_sample` per map this saves the sampled values of every point, which are never written anywhere.

    Args:
        values: (B, S, A, D).
        sizes: of the maps.
        x, y: (A, L, P, B*Q) pixel coordinates in the map of each level; 0 is the centre of the first pixel.
        weights: (A, L, P, B*Q).
    Returns:
        (B, Q, A*D), heads one after the other.
    """
    images, rows, heads, width = values.shape
    entries, total = x.shape[0] * x.shape[1] * x.shape[2], x.shape[-1]
    left, (near_x, far_x) = _pair(x, [size[1] for size in sizes])
    top, (near_y, far_y) = _pair(y, [size[0] for size in sizes])
    near_y, far_y = near_y * weights, far_y * weights
    # row of `values` at the upper left pixel; exact in floating point, maps are far below 2**24 entries
    steps = [heads * size[1] for size in sizes]
    first = [heads * sum(size[0] * size[1] for size in sizes[:level]) for level in range(len(sizes))]
    head = torch.arange(heads, device=x.device, dtype=x.dtype).view(-1, 1, 1, 1)
    row = torch.addcmul(_per_level(first, x) + head, top, _per_level(steps, x)).add_(left, alpha=heads)
    # coordinates that are no numbers come out negative: read anything, their weights spoil the sum anyway
    index = row.view(entries, total).int().clamp_min_(0).t().contiguous()
    image = torch.arange(images, device=x.device, dtype=torch.int32) * (rows * heads)
    index = index.view(images, -1, entries).add_(image[:, None, None]).view(total, entries)
    right = [heads * min(size[1] - 1, 1) for size in sizes]
    below = [step * min(size[0] - 1, 1) for step, size in zip(steps, sizes, strict=True)]
    both = [r + b for r, b in zip(right, below, strict=True)]
    corners = torch.stack([_per_level(number, x) for number in ([0] * len(sizes), right, below, both)], -1)
    corners = corners.int().expand(heads, -1, x.shape[2], -1, -1).reshape(1, entries, 4)
    parts = (near_y * near_x, near_y * far_x, far_y * near_x, far_y * far_x)
    share = torch.stack([part.view(entries, total).t() for part in parts], -1)
    bags = (total * heads, -1)
    summed = F.embedding_bag(
        (index[:, :, None] + corners).view(bags),
        values.reshape(-1, width),
        per_sample_weights=share.view(bags),
        mode="sum",
    )
    return summed.view(images, -1, heads * width)


def reference_places(sizes: Sequence[tuple[int, int]], like: Tensor) -> Tensor:
    """Centres of the pixels of maps that show the same image, (x, y) in 0..1, row by row, map after map: (S, 2)."""
    found = []
    for height, width in sizes:
        y = (torch.arange(height, device=like.device) + 0.5) / height
        x = (torch.arange(width, device=like.device) + 0.5) / width
        found.append(torch.stack((x.repeat(height), y.repeat_interleave(width)), -1))
    return torch.cat(found)


def _pixels(places: Tensor, sizes: Sizes, axis: int, images: int) -> Tensor:
    """(Q,) places in 0..1 -> (L, 1, B*Q) pixel coordinates in every map; `axis` 0 is x."""
    return torch.stack([places * size[1 - axis] - 0.5 for size in sizes])[:, None].repeat(1, 1, images)


def _pair(u: Tensor, sides: list[int]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The two neighbouring pixels that a coordinate lies between, and what each of them counts.

    The pair is moved into the map, and a pixel counts by its distance: so a coordinate outside gets 0 from a pair that
    exists, and no mask is needed. A map of one pixel has no second one.
    """
    last = _per_level([max(side - 2, 0) for side in sides], u)
    low = u.detach().floor().clamp_min_(0).minimum(last)
    distance = u - low
    near = (1 - distance.abs()).clamp_min_(0)
    far = (1 - (distance - 1).abs()).clamp_min_(0)
    return low, (near, far * _per_level([min(side - 1, 1) for side in sides], u) if 1 in sides else far)


def _per_level(numbers: Sequence[int], like: Tensor) -> Tensor:
    """One number per level, (L, 1, 1); built on the device, which copies nothing to it."""
    parts = [torch.full((1, 1), float(number), device=like.device, dtype=like.dtype) for number in numbers]
    return torch.stack(parts)


@cache
def _compiled() -> Sampler | None:
    """mmcv's compiled operator, where mmcv is installed and was compiled for GPUs."""
    try:
        found = importlib.import_module("models.deformable_attention_mmcv")
    except ImportError:
        return None
    sampler: Sampler | None = found.sampler()
    return sampler
