"""STViT-R on paper: grids, semantic tokens, work and space of a plan, without a tensor (standard library only).

Source: STViT-R (arXiv 2303.08685), section 3; reference counts of the released detection code.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from models.errors import InputError
from models.plan import Value
from models.space import Space
from models.sparsevit_geometry import Geometry
from models.stvit_r_plan import BLOCKS, Dumbbell, dumbbells, space
from models.stvit_r_reach import Mask, Reach
from models.work import BlockWork, Work

STAGE = 2
"""The stage that runs on semantic tokens ("stage 3" in the paper)."""


@dataclass(frozen=True, slots=True)
class SemanticGrid:
    """The windows of the semantic stage at one map size.

    Args:
        height, width: H, W of the map.
        window: side of a window.
    """

    height: int
    width: int
    window: int

    @property
    def down(self) -> int:
        """Rows of windows; the last may hang over the border."""
        return math.ceil(self.height / self.window)

    @property
    def across(self) -> int:
        """Columns of windows."""
        return math.ceil(self.width / self.window)

    def generate(self, s: int, size: int, mask: Mask) -> Reach:
        """Semantic tokens (queries, window by window) look at image tokens through windows of `size`."""
        down, across, w = self.down, self.across, self.window
        lacks = down * w - self.height, across * w - self.width
        return Reach(self.height, self.width, down, across, w, size, *lacks, mask, s, down * s, across * s, True)

    def recover(self, s: int, size: int, mask: Mask) -> Reach:
        """Image tokens (queries, row by row) look at semantic tokens through windows of `size`."""
        down, across, w = self.down, self.across, self.window
        lacks = down * w - self.height, across * w - self.width
        return Reach(down * s, across * s, down, across, s, size, *lacks, mask, w, self.height, self.width, False)


@dataclass(frozen=True, slots=True)
class StvitRGeometry:
    """The integers of STViT-R.

    Args:
        embed_dims: channels of the first stage; each later stage doubles them.
        depths: blocks per stage; those of the semantic stage come in sixes.
        window_size: side of a window in tokens.
        default: how a dumbbell runs where a plan says nothing.
        mask: which keys are hidden.
        detection: the detection forward; otherwise the classification forward, whose only knob is s.
        mlp_ratio: hidden width of the MLP in units of the channels.
        in_channels: channels of the image.
    Raises:
        InputError: the depths hold no whole dumbbells, or the default cannot run.
    """

    embed_dims: int
    depths: tuple[int, ...]
    window_size: int = 7
    default: Dumbbell = field(default_factory=Dumbbell)
    mask: Mask = "original"
    detection: bool = True
    mlp_ratio: float = 4
    in_channels: int = 3

    def __post_init__(self) -> None:
        if len(self.depths) <= STAGE or self.depths[STAGE] < BLOCKS or self.depths[STAGE] % BLOCKS:
            raise InputError(
                f"depths {self.depths}: stage {STAGE} must exist and hold whole dumbbells of {BLOCKS} blocks "
                f"(6, 12, 18, ...)"
            )
        usual = self.default
        if not 1 <= usual.s <= min(self.window_size, usual.kr) or min(usual.k1, usual.k2) < 1:
            raise InputError(
                f"{usual}: s must be 1 to the window's {self.window_size}, kr at least s, and k1 and k2 at least 1"
            )

    @property
    def dumbbells(self) -> int:
        """Dumbbells of the semantic stage."""
        return self.depths[STAGE] // BLOCKS

    def stage_sizes(self, input_size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """(height, width) in tokens of every stage; the stem and merging both round up."""
        return Geometry(self.embed_dims, self.depths).stage_sizes(input_size)

    def grid(self, input_size: tuple[int, int]) -> SemanticGrid:
        """The windows of the semantic stage."""
        return SemanticGrid(*self.stage_sizes(input_size)[STAGE], self.window_size)

    def schedule(self, plan: Mapping[str, Value]) -> tuple[Dumbbell | None, ...]:
        """How each dumbbell runs; None: dropped.

        Raises:
            PlanError: unknown knob, or a value that cannot run.
        """
        return dumbbells(plan, self.dumbbells, self.default, self.window_size, self.detection)

    def space(self, input_size: tuple[int, int], wider: bool = False) -> Space:
        """Knobs per dumbbell: tokens, key windows, recovery radius, and whether it runs; dense = the default point.

        Args:
            wider: also values denser than the default (4 x 4 tokens, wider key windows); then dense is no longer the
                point the checkpoint was trained at.
        Source: the released code is elastic in these values without retraining; the paper publishes single points.
        """
        self.stage_sizes(input_size)
        return space(self.dumbbells, self.default, self.window_size, input_size, wider, self.detection)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block, for one image."""
        sizes = self.stage_sizes(input_size)
        fixed = self._stem(sizes[0])
        blocks: list[BlockWork] = []
        for stage, (depth, (height, width)) in enumerate(zip(self.depths, sizes, strict=True)):
            channels = self.embed_dims * 2**stage
            swin = BlockWork(stage, height * width, height * width, self._swin(height, width, channels))
            if stage == STAGE:
                for dumbbell in self.schedule(plan):
                    blocks += self._dumbbell(dumbbell, self.grid(input_size), channels, swin)
            else:
                blocks += [swin] * depth
            if stage + 1 < len(self.depths):
                height, width = sizes[stage + 1]
                fixed += 8 * channels**2 * height * width
        return Work(tuple(blocks), fixed)

    def _stem(self, size: tuple[int, int]) -> float:
        # two 3 x 3 convolutions of stride 2: to half the channels at twice the size, then to all of them
        half, tokens = self.embed_dims // 2, size[0] * size[1]
        return float(9 * half * tokens * (4 * self.in_channels + self.embed_dims))

    def _swin(self, height: int, width: int, channels: int) -> float:
        side = self.window_size
        padded = math.ceil(height / side) * math.ceil(width / side) * side**2
        mlp = 2 * self.mlp_ratio * height * width * channels**2
        return 4 * padded * channels**2 + 2 * padded * side**2 * channels + mlp

    def _dumbbell(self, run: Dumbbell | None, grid: SemanticGrid, channels: int, swin: BlockWork) -> list[BlockWork]:
        total = grid.height * grid.width
        if run is None:
            return [BlockWork(STAGE, 0, total, 0.0)] * BLOCKS
        windows = grid.down * grid.across
        tokens = windows * run.s**2
        # queries, output and MLP of a token; keys and values of a token; one score and its share of the output
        own, pair, score = (2 + 2 * self.mlp_ratio) * channels**2, 2 * channels**2, 2 * channels
        if self.detection:
            generate = [
                tokens * own + (total + 1) * pair + grid.generate(run.s, size, self.mask).scores * score
                for size in (run.k1, run.k2)
            ]
            recovered = (tokens + 1) * pair + grid.recover(run.s, run.kr, self.mask).scores * score
        else:
            seen = (run.s**2 + CLASSIFICATION_KEYS, tokens + total)
            generate = [tokens * own + (tokens + total) * pair + tokens * keys * score for keys in seen]
            recovered = tokens * pair + total * tokens * score
        process = [tokens * (own + pair) + tokens * keys * score for keys in (run.s**2, tokens)]
        semantic = [BlockWork(STAGE, tokens, total, macs, sparse=True) for macs in (*generate, *process)]
        return [swin, *semantic, BlockWork(STAGE, total, total, total * own + recovered, sparse=True)]


CLASSIFICATION_KEYS = 100
"""Image tokens a window sees in classification: a patch of 10 x 10."""
