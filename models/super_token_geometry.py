"""STViT on paper: maps, super tokens, work and space of a plan, without a tensor (standard library only).

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167), table 1 and section 3.2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import InputError, PlanError
from models.plan import Plan, Value
from models.space import Knob, Space
from models.super_token_plan import BlockSetting, Cell, cell_value, parse_cell, schedule
from models.work import BlockWork, Work

LADDERS: tuple[tuple[int, ...], ...] = ((4, 8, 16), (2, 4, 8), (1, 2, 4), (1, 2))
"""Cells worth searching, per stage. A space starts at the model's own cell and goes up from there."""


@dataclass(frozen=True, slots=True)
class SuperTokenGeometry:
    """The integers of STViT.

    Args:
        embed_dims: channels per stage.
        depths: blocks per stage.
        own: the setting of every stage when no knob says otherwise.
        mlp_ratio: hidden width of the feed-forward part in units of the channels.
        in_channels: channels of the image.
        head: (projection, classes) of the classifier; None for a backbone without one.
    """

    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    own: tuple[BlockSetting, ...]
    mlp_ratio: float = 4
    in_channels: int = 3
    head: tuple[int, int] | None = None

    def stage_sizes(self, input_size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """(height, width) in tokens of every stage: 1/4 of the image, then halves, always rounded up."""
        if min(input_size) < 1:
            raise InputError(f"input size {input_size} must be positive pixels (height, width)")
        height, width = (_half(_half(side)) for side in input_size)
        sizes = []
        for _ in self.depths:
            sizes.append((height, width))
            height, width = _half(height), _half(width)
        return tuple(sizes)

    def space(
        self,
        input_size: tuple[int, int],
        values: Sequence[Sequence[int | str]] | None = None,
        per_block: bool = False,
        refine: bool = False,
    ) -> Space:
        """Legal plans: cells that grow from the model's own, fewer iterations, and, if asked, no refinement.

        The first value of every knob is the model's own, so that the dense plan is the network its weights were trained
        as. Iterations are a knob where the model's own are several. What samples nothing has neither iterations nor
        refinement to change: with a cell of (1, 1), the attention branch would be a mere norm.

        Args:
            input_size: (height, width) in pixels.
            values: cells per stage, densest first; None: the model's own, then what is larger in `LADDERS`.
            per_block: one knob per block, `grid2.5`, instead of one per stage.
            refine: offer to switch off the refinement of stages that sample.
        Raises:
            PlanError: a value that is no cell, or not one list per stage.
        """
        knobs = []
        if values is not None and len(values) != len(self.depths):
            raise PlanError(f"values need one list of cells per stage, {len(self.depths)}; got {len(values)}")
        for stage, (own, size) in enumerate(zip(self.own, self.stage_sizes(input_size), strict=True)):
            ladder = _ladder(own.cell, stage) if values is None else [parse_cell(value) for value in values[stage]]
            names = [f"{stage}.{block}" for block in range(self.depths[stage])] if per_block else [f"{stage}"]
            counts: tuple[int, ...] | None = tuple(super_tokens(size, cell) for cell in ladder)
            # equal counts would mean equal networks; on a map below the cell they only mean more padding
            counts = counts if counts and len(set(counts)) == len(counts) else None
            samples = (1, 1) not in ladder
            for name in names:
                if len(ladder) > 1:
                    knobs.append(Knob(f"grid{name}", tuple(map(cell_value, ladder)), counts))
                if samples and own.iterations > 1:
                    knobs.append(Knob(f"iters{name}", tuple(range(own.iterations, 0, -1))))
                if samples and refine and own.refine != "none":
                    knobs.append(Knob(f"refine{name}", (own.refine, "none")))
        return Space(tuple(knobs), (), input_size)

    def schedule(self, plan: Mapping[str, Value]) -> tuple[tuple[BlockSetting, ...], ...]:
        """The setting of every block, per stage; see `super_token_plan.schedule`."""
        return schedule(Plan.of(plan), self.depths, self.own)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Super tokens and MACs per block, for one image.

        Convolutions, linear layers and matrix products count; norms, activations, softmax and means do not.
        """
        sizes, blocks = self.stage_sizes(input_size), []
        fixed = self._stem_macs(input_size)
        for stage, settings in enumerate(self.schedule(plan)):
            channels, tokens = self.embed_dims[stage], math.prod(sizes[stage])
            hidden = int(channels * self.mlp_ratio)
            always = 9 * tokens * (channels + hidden) + 2 * tokens * channels * hidden
            for setting in settings:
                kept = super_tokens(sizes[stage], setting.cell)
                macs = always + attention_macs(sizes[stage], channels, setting)
                blocks.append(BlockWork(stage, kept, tokens, float(macs), setting.samples))
            if stage + 1 < len(self.depths):
                fixed += 9 * channels * self.embed_dims[stage + 1] * math.prod(sizes[stage + 1])
        if self.head is not None:
            projection, classes = self.head
            fixed += self.embed_dims[-1] * projection * math.prod(sizes[-1]) + projection * classes
        return Work(tuple(blocks), float(fixed))

    def _stem_macs(self, input_size: tuple[int, int]) -> int:
        width = self.embed_dims[0]
        half, quarter = math.prod(map(_half, input_size)), math.prod(self.stage_sizes(input_size)[0])
        narrow = width // 2
        return 9 * (narrow * (self.in_channels + narrow) * half + width * (narrow + width) * quarter)


def super_tokens(size: tuple[int, int], cell: Cell) -> int:
    """Cells of a map; one that hangs over the border counts."""
    return math.ceil(size[0] / cell[0]) * math.ceil(size[1] / cell[1])


def attention_macs(size: tuple[int, int], channels: int, setting: BlockSetting) -> int:
    """MACs of the attention branch for one image.

    Source: arXiv 2211.11167, section 3.3; padded tokens are computed and count.
    """
    count = super_tokens(size, setting.cell)
    refine = {
        "attention": 4 * count * channels**2 + 2 * count**2 * channels,
        "conv": 2 * count * channels**2 + 25 * count * channels,
        "none": 0,
    }[setting.refine]
    if not setting.samples:
        return refine
    padded = count * setting.cell[0] * setting.cell[1]
    # 9 logits and 9 weighted sums per token and round, then 9 products to carry the result back
    return refine + (2 * setting.iterations + 1) * 9 * padded * channels


def _ladder(own: Cell, stage: int) -> list[Cell]:
    sides = LADDERS[stage] if stage < len(LADDERS) else ()
    return [own] + [(side, side) for side in sides if side * side > own[0] * own[1]]


def _half(side: int) -> int:
    return math.ceil(side / 2)
