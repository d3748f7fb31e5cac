"""Multi-scale deformable attention: every query reads a few points of a few maps, at places it chooses itself.

Source: Deformable DETR (arXiv 2010.04159), equation 3.
Letters: B images, Q queries, C channels, A heads of D channels, L maps (levels), P points in each, S places of all.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple, TypeAlias

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

    def forward(self, query: Tensor, stands: Tensor, features: Tensor, sizes: Sizes) -> Tensor:
        """Attention of the queries to the maps.

        Args:
            query: (B, Q, C).
            stands: (2, L, 1, Q) where each query stands in each map, see `stands_in`.
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
        chosen = chosen.to(torch.promote_types(chosen.dtype, torch.float32))
        x, y, logits = chosen.view(3, self.heads, self.levels, self.points, images, queries).unbind(0)
        weights = logits.reshape(self.heads, self.levels * self.points, -1).softmax(1)
        x, y = (x + stands[0, :, :, None]).flatten(3), (y + stands[1, :, :, None]).flatten(3)
        values = self.value_proj(features)
        head_values = values.view(images, -1, self.heads, values.shape[-1] // self.heads).to(x.dtype)
        choose = (_compiled() if values.is_cuda else None) or sample
        mixed = choose(head_values, sizes, x, y, weights.view(x.shape))
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
    points, total = x.shape[2], x.shape[-1]
    entries = heads * len(sizes) * points
    table = _table(sizes, heads, points, x.device, x.dtype)
    left, near_x, far_x = _pair(x, table.last_x, table.two_x)
    top, near_y, far_y = _pair(y, table.last_y, table.two_y)
    near_y, far_y = near_y * weights, far_y * weights
    # row of `values` at the upper left pixel; exact in floating point, maps are far below 2**24 entries
    row = torch.addcmul(table.first, top, table.step).add_(left, alpha=heads)
    # coordinates that are no numbers come out negative: read anything, their weights spoil the sum anyway
    index = row.view(entries, total).int().clamp_min_(0).t().contiguous()
    image = torch.arange(images, device=x.device, dtype=torch.int32) * (rows * heads)
    index = index.view(images, -1, entries).add_(image[:, None, None]).view(total, entries)
    parts = (near_y * near_x, near_y * far_x, far_y * near_x, far_y * far_x)
    share = torch.stack([part.view(entries, total).t() for part in parts], -1)
    bags = (total * heads, -1)
    summed = F.embedding_bag(
        (index[:, :, None] + table.corners).view(bags),
        values.reshape(-1, width),
        per_sample_weights=share.view(bags),
        mode="sum",
    )
    return summed.view(images, -1, heads * width)


def reference_places(sizes: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
    """Centres of the pixels of maps that show the same image, (x, y) in 0..1, row by row, map after map: (S, 2)."""
    found = []
    for height, width in sizes:
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        found.append(torch.stack((x.repeat(height), y.repeat_interleave(width)), -1))
    return torch.cat(found)


def stands_in(sizes: Sizes, places: Tensor) -> Tensor:
    """Where places, (Q, 2) as (x, y) in 0..1, lie in maps: (2, L, 1, Q) pixel coordinates, x and y."""
    across = torch.stack([places[:, 0] * width - 0.5 for _, width in sizes])
    down = torch.stack([places[:, 1] * height - 0.5 for height, _ in sizes])
    return torch.stack((across, down))[:, :, None]


class Table(NamedTuple):
    """What `sample` needs to know of maps, per level; it depends on their sizes alone.

    Args:
        last_x, last_y: (L, 1, 1) the last pixel that has a neighbour.
        two_x, two_y: (L, 1, 1) whether there is more than one pixel, 0 or 1; None: in all maps.
        step: (L, 1, 1) entries from a row of pixels to the next.
        first: (A, L, 1, 1) entry of the first pixel.
        corners: (1, A * L * P, 4) entries from a pixel to itself and its three neighbours.
    """

    last_x: Tensor
    last_y: Tensor
    two_x: Tensor | None
    two_y: Tensor | None
    step: Tensor
    first: Tensor
    corners: Tensor


def _table(sizes: Sizes, heads: int, points: int, device: torch.device, dtype: torch.dtype) -> Table:
    """Remembered per size, except while a graph is traced, whose tensors belong to it."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _build_table(sizes, heads, points, device, dtype)
    return _remembered_table(sizes, heads, points, device, dtype)


@lru_cache(maxsize=256)
def _remembered_table(sizes: Sizes, heads: int, points: int, device: torch.device, dtype: torch.dtype) -> Table:
    # a table first needed under inference_mode must still serve a later training step
    with torch.inference_mode(False):
        return _build_table(sizes, heads, points, device, dtype)


def _build_table(sizes: Sizes, heads: int, points: int, device: torch.device, dtype: torch.dtype) -> Table:
    def per_level(numbers: Sequence[int]) -> Tensor:
        return torch.tensor(numbers, device=device, dtype=dtype).view(-1, 1, 1)

    down, across = zip(*sizes, strict=True)
    steps = [heads * width for width in across]
    first = [heads * sum(height * width for height, width in sizes[:level]) for level in range(len(sizes))]
    # a map of one pixel has no neighbour to step to
    right, below = [heads * (width > 1) for width in across], [s * (h > 1) for s, h in zip(steps, down, strict=True)]
    corners = torch.tensor([[0, r, b, r + b] for r, b in zip(right, below, strict=True)], device=device)
    return Table(
        per_level([max(width - 2, 0) for width in across]),
        per_level([max(height - 2, 0) for height in down]),
        per_level([width > 1 for width in across]) if 1 in across else None,
        per_level([height > 1 for height in down]) if 1 in down else None,
        per_level(steps),
        torch.arange(heads, device=device, dtype=dtype).view(-1, 1, 1, 1) + per_level(first),
        corners.int()[None, :, None].expand(heads, -1, points, -1).reshape(1, -1, 4),
    )


def _pair(u: Tensor, last: Tensor, two: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """The first of the two pixels that a coordinate lies between, and what each of them counts.

    The pair is moved into the map, and a pixel counts by its distance: so a coordinate outside gets 0 from a pair that
    exists, and no mask is needed.
    """
    low = u.detach().floor().clamp_min_(0).minimum(last)
    distance = u - low
    near = (1 - distance.abs()).clamp_min_(0)
    far = (1 - (distance - 1).abs()).clamp_min_(0)
    return low, near, far if two is None else far * two


@cache
def _compiled() -> Sampler | None:
    """mmcv's compiled operator, where mmcv is installed and was compiled for GPUs."""
    try:
        found = importlib.import_module("models.deformable_attention_mmcv")
    except ImportError:
        return None
    sampler: Sampler | None = found.sampler()
    return sampler
