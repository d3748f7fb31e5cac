"""SparseViT on paper: grids, kept windows, work and space of a plan, without a tensor (standard library only).

Source: SparseViT (arXiv 2303.17605), section 3; the truncation and the order of blocks follow the released code.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import InputError, PlanError
from models.plan import Plan, Value
from models.space import Knob, Space
from models.work import BlockWork, Work

RATIOS = tuple(tenth / 10 for tenth in range(9))
"""The published values of every knob: prune 0 to 80 % of the windows."""

_KNOB = re.compile(r"stage(?P<stage>\d+)(?:_(?P<pair>\d+)|\.(?P<block>\d+))?")


@dataclass(frozen=True, slots=True)
class Geometry:
    """The integers of a hierarchical window transformer.

    Args:
        embed_dims: channels of the first stage; each later stage doubles them.
        depths: blocks per stage.
        window_size: side of a window in tokens.
        patch_size: side of a patch in pixels.
        mlp_ratio: hidden width of the MLP in units of the channels.
        in_channels: channels of the image.
    """

    embed_dims: int
    depths: tuple[int, ...]
    window_size: int = 7
    patch_size: int = 4
    mlp_ratio: float = 4
    in_channels: int = 3

    def stage_sizes(self, input_size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """(height, width) in tokens of every stage; patching and merging both round up."""
        if min(input_size) < 1:
            raise InputError(f"input size {input_size} must be positive pixels (height, width)")
        height, width = (math.ceil(side / self.patch_size) for side in input_size)
        sizes = []
        for _ in self.depths:
            sizes.append((height, width))
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        return tuple(sizes)

    def windows(self, input_size: tuple[int, int]) -> tuple[int, ...]:
        """Windows per stage; a window that hangs over the border counts."""
        side = self.window_size
        return tuple(math.ceil(h / side) * math.ceil(w / side) for h, w in self.stage_sizes(input_size))

    def space(self, input_size: tuple[int, int], values: Sequence[float] = RATIOS) -> Space:
        """The published space: one knob per pair of blocks (plain + shifted), non-decreasing inside a stage.

        A stage of two blocks has the knob `stage0`; a deeper one has `stage2_1`, `stage2_2`, ... The last block of
        an odd stage is a pair of one.
        """
        knobs, ordered = [], []
        for stage, (depth, windows) in enumerate(zip(self.depths, self.windows(input_size), strict=True)):
            names = _pair_knobs(stage, depth)
            counts = tuple(kept_windows(windows, ratio) for ratio in values)
            knobs += [Knob(name, tuple(values), counts) for name in names]
            if len(names) > 1:
                ordered.append(names)
        return Space(tuple(knobs), tuple(ordered), input_size)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Kept windows and MACs per block, for one image."""
        tokens = self.window_size**2
        sizes, windows = self.stage_sizes(input_size), self.windows(input_size)
        kept = schedule(Plan.of(plan), self.depths, windows)
        height, width = sizes[0]
        fixed = float(self.in_channels * self.patch_size**2 * self.embed_dims * height * width)
        blocks = []
        for stage, depth in enumerate(self.depths):
            channels = self.embed_dims * 2**stage
            window_macs = (4 + 2 * self.mlp_ratio) * channels**2 * tokens + 2 * tokens**2 * channels
            for block in range(depth):
                count = kept[stage][block]
                processed = windows[stage] if count is None else count
                blocks.append(BlockWork(stage, processed, windows[stage], processed * window_macs, count is not None))
            if stage + 1 < len(self.depths):
                height, width = sizes[stage + 1]
                fixed += 8 * channels**2 * height * width
        return Work(tuple(blocks), fixed)


def kept_windows(windows: int, ratio: float) -> int:
    """Windows that survive a pruning ratio: truncated in double precision, so 50 windows at 0.8 keep 9, not 10."""
    return int(windows * (1 - ratio))


def pruning_ratios(plan: Plan, depths: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    """Pruning ratio of every block, per stage.

    `stage2` sets all blocks of stage 2, `stage2_1` its first pair (blocks 0 and 1), `stage2.0` one block; the more
    specific knob wins, and a block that no knob names stays dense.

    Raises:
        PlanError: a knob names nothing in this backbone, or its value lies outside 0..1.
    """
    ratios = [[0.0] * depth for depth in depths]
    parsed = []
    for name, value in plan.items():
        match = _KNOB.fullmatch(name)
        if isinstance(value, bool | str) or not 0 <= value <= 1:
            raise PlanError(f"{name}={value!r}: a pruning ratio must be a number from 0 (dense) to 1 (skip)")
        stage = int(match["stage"]) if match else len(depths)
        blocks = _blocks_of(match, depths[stage]) if match and stage < len(depths) else range(0)
        if not blocks:
            raise PlanError(f"unknown knob {name!r}: this backbone has {', '.join(all_knobs(depths))}")
        parsed.append((len(blocks), stage, blocks, float(value)))
    for _, stage, blocks, ratio in sorted(parsed, key=lambda entry: -entry[0]):
        for block in blocks:
            ratios[stage][block] = ratio
    return tuple(map(tuple, ratios))


def schedule(plan: Plan, depths: tuple[int, ...], windows: tuple[int, ...]) -> tuple[tuple[int | None, ...], ...]:
    """Windows that every block keeps; None means dense: no score exists yet, because no block before it prunes.

    Raises:
        PlanError: a later block of the same parity (plain or shifted) would keep more than an earlier one; the
            published order is truncated from block to block and cannot grow back.
    """
    result = []
    for stage, (ratios, total) in enumerate(zip(pruning_ratios(plan, depths), windows, strict=True)):
        counts: list[int | None] = []
        scored = False
        for block, ratio in enumerate(ratios):
            scored = scored or ratio > 0
            count = kept_windows(total, ratio) if scored else None
            before = counts[block - 2] if block >= 2 else None
            if count is not None and before is not None and count > before:
                raise PlanError(
                    f"stage {stage}: block {block} would keep {count} windows (ratio {ratio:g}) after block "
                    f"{block - 2} kept {before} (ratio {ratios[block - 2]:g}); ratios of plain blocks, and of "
                    f"shifted blocks, may only grow inside a stage"
                )
            counts.append(count)
        result.append(tuple(counts))
    return tuple(result)


def all_knobs(depths: Sequence[int]) -> list[str]:
    """The knob of every pair of blocks, in order."""
    return [name for stage, depth in enumerate(depths) for name in _pair_knobs(stage, depth)]


def _pair_knobs(stage: int, depth: int) -> tuple[str, ...]:
    if depth <= 2:
        return (f"stage{stage}",)
    return tuple(f"stage{stage}_{pair}" for pair in range(1, (depth + 1) // 2 + 1))


def _blocks_of(match: re.Match[str], depth: int) -> range:
    if match["block"] is not None:
        block = int(match["block"])
        return range(block, min(block + 1, depth))
    if match["pair"] is not None:
        first = 2 * (int(match["pair"]) - 1)
        return range(first, min(first + 2, depth)) if first >= 0 else range(0)
    return range(depth)
