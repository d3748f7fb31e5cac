"""ViT-Adapter on paper: tokens and MACs, without a tensor (standard library only).

Source: ViT-Adapter (arXiv 2205.08534); counts of the released detection code.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import InputError, PlanError
from models.plan import Value
from models.space import Space
from models.work import BlockWork, Work

PATCH = 16
"""Side in pixels of the patch behind one token."""

STRIDE = 32
"""The coarsest map: images are padded to a multiple of it."""


@dataclass(frozen=True, slots=True)
class AdapterGeometry:
    """The integers of a ViT with its adapter.

    Args:
        embed_dim: C, channels of the transformer and of every map.
        depth: blocks.
        interactions: (first, last) block of each interaction; blocks outside of all never run.
        windows: side of the attention windows of every block, in tokens; None: all tokens.
        mlp_ratio: hidden width of the MLPs in units of C.
        conv_inplane: P, channels of the convolutional stem.
        n_points, deform_num_heads, deform_ratio: of the deformable attention.
        cffn: hidden channels of the extractors' feed-forward part; 0: without.
        extra_extractors: extractors after the last interaction's own.
        in_channels: channels of the image.
    Raises:
        InputError: an interaction outside of the blocks, or not one window per block.
    """

    embed_dim: int
    depth: int = 12
    interactions: tuple[tuple[int, int], ...] = ((0, 2), (3, 5), (6, 8), (9, 11))
    windows: tuple[int | None, ...] = (None,) * 12
    mlp_ratio: float = 4
    conv_inplane: int = 64
    n_points: int = 4
    deform_num_heads: int = 6
    deform_ratio: float = 1.0
    cffn: int = 0
    extra_extractors: int = 2
    in_channels: int = 3

    def __post_init__(self) -> None:
        before = -1
        for first, last in self.interactions:
            if not before < first <= last < self.depth:
                raise InputError(
                    f"interaction_indexes {self.interactions} must be (first, last) blocks in rising order, "
                    f"below depth {self.depth}"
                )
            before = last
        if not self.interactions or len(self.windows) != self.depth:
            raise InputError(
                f"a ViT-Adapter of {self.depth} blocks needs an interaction and one window per block; "
                f"got {self.interactions} and {self.windows}"
            )

    def grid(self, input_size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) tokens of an image of (height, width) pixels, padded to a multiple of 32.

        Raises:
            InputError: no pixels.
        """
        if min(input_size) < 1:
            raise InputError(f"input size {input_size} must be positive pixels (height, width)")
        height, width = (-(-side // STRIDE) * (STRIDE // PATCH) for side in input_size)
        return height, width

    def tokens(self, input_size: tuple[int, int]) -> int:
        """N of an image of (height, width) pixels."""
        height, width = self.grid(input_size)
        return height * width

    def space(self, input_size: tuple[int, int]) -> Space:
        """No knobs: the dense network is one plan."""
        self.grid(input_size)
        return Space((), (), input_size)

    def check(self, plan: Mapping[str, Value]) -> None:
        """Refuse what a dense network cannot do.

        Raises:
            PlanError: the plan sets a knob.
        """
        if plan:
            raise PlanError(f"a dense ViT-Adapter has no knobs; got {', '.join(plan)}. Build an SViT to prune tokens")

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block, for one image."""
        self.check(plan)
        grid = self.grid(input_size)
        total = grid[0] * grid[1]
        blocks = [
            BlockWork(stage, total, total, self.block_macs(total, self._pairs(grid, self.windows[block])))
            for stage, (first, last) in enumerate(self.interactions)
            for block in range(first, last + 1)
        ]
        extra = self.extra_extractors * self.extractor_macs(total)
        return Work(tuple(blocks), self.fixed_macs(total) + extra)

    def block_macs(self, tokens: float, pairs: float | None = None) -> float:
        """MACs of a block on so many tokens.

        Args:
            tokens: k.
            pairs: pairs of query and key; None: each token sees all k.
        """
        pairs = tokens**2 if pairs is None else pairs
        return (4 + 2 * self.mlp_ratio) * tokens * self.embed_dim**2 + 2 * pairs * self.embed_dim

    def fixed_macs(self, tokens: int) -> float:
        """MACs of stem, patch embedding, injectors, one extractor per interaction and the output."""
        n, c, p = tokens, self.embed_dim, self.conv_inplane
        # maps of 1/2, 1/4, 1/8, 1/16 and 1/32 have 64, 16, 4, 1 and 1/4 places per token
        stem = 9 * p * n * (64 * (self.in_channels + 2 * p) + 4 * 2 * p + 8 * p + 16 * p / 4)
        linear = c * p * n * (16 + 4 * 2 + 4 + 4 / 4)
        patches = n * c * self.in_channels * PATCH**2
        up = 4 * n * c * 4 * c
        interaction = self._injector_macs(n) + self.extractor_macs(n)
        return stem + linear + patches + up + len(self.interactions) * interaction

    def extractor_macs(self, tokens: int) -> float:
        """MACs of one extractor: one map is read by all places of the pyramid."""
        m = 21 * tokens / 4
        forward = m * (2 * self.embed_dim + 9) * self.cffn
        return self._attention_macs(queries=m, places=tokens, levels=1) + forward

    def _injector_macs(self, tokens: int) -> float:
        return self._attention_macs(queries=tokens, places=21 * tokens / 4, levels=3)

    def _attention_macs(self, queries: float, places: float, levels: int) -> float:
        c, inner = self.embed_dim, int(self.embed_dim * self.deform_ratio)
        chosen = 3 * self.deform_num_heads * levels * self.n_points
        # four neighbours per point
        sampled = 4 * levels * self.n_points * inner
        return places * c * inner + queries * (c * chosen + sampled + inner * c)

    def _pairs(self, grid: tuple[int, int], window: int | None) -> float | None:
        if window is None:
            return None
        return -(-grid[0] // window) * -(-grid[1] // window) * float(window) ** 4
