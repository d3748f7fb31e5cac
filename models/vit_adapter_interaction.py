"""Where transformer and pyramid of a ViT-Adapter meet: the injector and the extractor.

Source: ViT-Adapter (arXiv 2205.08534), section 3.
Letters: B images, C channels, H x W = N tokens at 1/16; M = 21 N / 4 tokens of the pyramid at 1/8, 1/16 and 1/32.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.deformable_attention import DeformableAttention, Sizes, reference_places, stands_in
from models.drop_path import DropPath

EPSILON = 1e-6
"""Of every norm of the adapter."""


class Levels(NamedTuple):
    """The maps of one input size, and where the tokens of each stand in the others.

    Args:
        size: (H, W).
        pyramid: sizes of the maps of the pyramid.
        tokens: (2, 3, 1, N) the transformer's tokens in the maps of the pyramid, in pixels.
        pyramid_tokens: (2, 1, 1, M) the pyramid's tokens in the map of the transformer.
    """

    size: tuple[int, int]
    pyramid: Sizes
    tokens: Tensor
    pyramid_tokens: Tensor


def levels_of(size: tuple[int, int], device: torch.device) -> Levels:
    """The levels of (H, W) tokens, both even; remembered per size, except while a graph is traced."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _levels(size, device)
    return _remembered_levels(size, device)


@lru_cache(maxsize=64)
def _remembered_levels(size: tuple[int, int], device: torch.device) -> Levels:
    with torch.inference_mode(False):
        return _levels(size, device)


def _levels(size: tuple[int, int], device: torch.device) -> Levels:
    height, width = size
    pyramid = ((2 * height, 2 * width), size, (height // 2, width // 2))
    tokens, pyramid_tokens = reference_places((size,), device), reference_places(pyramid, device)
    return Levels(size, pyramid, stands_in(pyramid, tokens), stands_in((size,), pyramid_tokens))


@dataclass(frozen=True, slots=True)
class AdapterOptions:
    """What every injector and extractor is built with.

    Args:
        channels: C.
        heads, points: of the deformable attention.
        ratio: channels of its values in units of C.
        feed_forward: hidden channels of the extractor's feed-forward part; None: it has none.
        drop_path: of that part; not scaled with depth.
    """

    channels: int
    heads: int
    points: int
    ratio: float
    feed_forward: int | None
    drop_path: float


class Injector(nn.Module):
    """The pyramid speaks to the transformer, as loud as `gamma`: x + gamma * attention(x to pyramid)."""

    def __init__(self, options: AdapterOptions) -> None:
        super().__init__()
        channels = options.channels
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.query_norm = nn.LayerNorm(channels, EPSILON)
        self.feat_norm = nn.LayerNorm(channels, EPSILON)
        self.attn = DeformableAttention(channels, options.heads, 3, options.points, options.ratio)

    def forward(self, x: Tensor, c: Tensor, levels: Levels) -> Tensor:
        """(B, N, C) tokens, (B, M, C) pyramid -> (B, N, C)."""
        heard = self.attn(self.query_norm(x), levels.tokens, self.feat_norm(c), levels.pyramid)
        result: Tensor = x + self.gamma * heard
        return result


class ConvolutionalMlp(nn.Module):
    """Two linear layers with a depthwise 3 x 3 convolution between; all maps of the pyramid share it."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)})
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, c: Tensor, pyramid: Sizes) -> Tensor:
        """(B, M, C) -> (B, M, C)."""
        hidden = self.fc1(c)
        done = []
        for part, size in zip(torch.split(hidden, [h * w for h, w in pyramid], 1), pyramid, strict=True):
            # tokens are a map whose channels lie last already
            maps = part.transpose(1, 2).view(part.shape[0], -1, *size)
            done.append(self.dwconv["dwconv"](maps).permute(0, 2, 3, 1).flatten(1, 2))
        result: Tensor = self.fc2(F.gelu(torch.cat(done, 1)))
        return result


class Extractor(nn.Module):
    """The transformer speaks to the pyramid; then each map of the pyramid is mixed for itself."""

    def __init__(self, options: AdapterOptions) -> None:
        super().__init__()
        channels = options.channels
        self.query_norm = nn.LayerNorm(channels, EPSILON)
        self.feat_norm = nn.LayerNorm(channels, EPSILON)
        self.attn = DeformableAttention(channels, options.heads, 1, options.points, options.ratio)
        if options.feed_forward is not None:
            self.ffn = ConvolutionalMlp(channels, options.feed_forward)
            self.ffn_norm = nn.LayerNorm(channels, EPSILON)
            self.drop_path = DropPath(options.drop_path)
        self.has_feed_forward = options.feed_forward is not None

    def forward(self, c: Tensor, x: Tensor, levels: Levels) -> Tensor:
        """(B, M, C) pyramid, (B, N, C) tokens -> (B, M, C)."""
        c = c + self.attn(self.query_norm(c), levels.pyramid_tokens, self.feat_norm(x), (levels.size,))
        if self.has_feed_forward:
            c = c + self.drop_path(self.ffn(self.ffn_norm(c), levels.pyramid))
        return c


class Interaction(nn.Module):
    """An injector before, and extractors after some blocks of the transformer."""

    def __init__(self, options: AdapterOptions, extra: int) -> None:
        super().__init__()
        self.injector = Injector(options)
        self.extractor = Extractor(options)
        self.extra_extractors: nn.ModuleList | None = None
        if extra:
            self.extra_extractors = nn.ModuleList(Extractor(options) for _ in range(extra))

    def extractors(self, extra: int) -> list[nn.Module]:
        """The extractor, and at most so many of the extra ones."""
        return [self.extractor, *(self.extra_extractors or [])[:extra]]
