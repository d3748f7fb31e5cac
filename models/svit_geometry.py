"""SViT on paper: kept tokens, work and space of a plan, without a tensor (standard library only).

Source: SViT (arXiv 2306.07050), section 3; MAC counts of the released detection code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.errors import InputError
from models.plan import Value
from models.space import Knob, Space
from models.svit_plan import Schedule, Selection, kept_tokens, name_of, published_ratios
from models.vit_adapter_geometry import AdapterGeometry
from models.work import BlockWork, Work

BASES = tuple(round(1 - 0.05 * step, 2) for step in range(11))
"""Base ratios of the published rule k, k^2, k^3, from dense to half."""

RATIOS = tuple(round(1 - 0.1 * step, 1) for step in range(10))
"""Keep ratios of single blocks."""


@dataclass(frozen=True, slots=True)
class SvitGeometry:
    """The integers of an SViT.

    Args:
        adapter: those of its dense parent.
        selection: where its selectors stand.
    """

    adapter: AdapterGeometry
    selection: Selection

    @classmethod
    def of(
        cls,
        adapter: AdapterGeometry,
        blocks: Sequence[int] | None = None,
        ratios: Sequence[float] | None = None,
        inherit: bool = False,
    ) -> "SvitGeometry":
        """Selectors before `blocks`, trained for `ratios`; None: as published, all blocks but the first interaction's.

        Raises:
            InputError: a block that does not run, not one ratio per selector, or a ratio outside of (0, 1].
        """
        running = [block for first, last in adapter.interactions for block in range(first, last + 1)]
        later = adapter.interactions[1:]
        if blocks is None:
            blocks = (
                [first for first, _ in later] if inherit else running[running.index(later[0][0]) :] if later else []
            )
        blocks = tuple(blocks)
        if not blocks or list(blocks) != sorted(set(blocks)) or not set(blocks) <= set(running):
            raise InputError(f"select_blocks={blocks} must be some of the blocks {running}, in order")
        extra = adapter.extra_extractors
        places = Selection(adapter.interactions, blocks, (), inherit, extra)
        ratios = published_ratios(places.groups()) if ratios is None else tuple(ratios)
        if len(ratios) != len(blocks) or not all(0 < ratio <= 1 for ratio in ratios):
            raise InputError(f"keep_ratio={ratios} must be one share in (0, 1] per selector, {len(blocks)}")
        return cls(adapter, Selection(adapter.interactions, blocks, ratios, inherit, extra))

    def schedule(self, plan: Mapping[str, Value]) -> Schedule:
        """What a plan means for the network; see `Selection.schedule`."""
        return self.selection.schedule(plan)

    def space(
        self, input_size: tuple[int, int], per_block: bool = False, share: bool = False, extractors: bool = False
    ) -> Space:
        """Plans of mode topk: latency does not depend on the image. All tokens first.

        As a rule, a knob per group of blocks, with the powers k, k^2, k^3 of the base ratios: the published axis is the
        diagonal. Later groups may be denser than earlier ones, for skipped tokens come back. Where decisions are
        inherited they do not, and all knobs have the same ratios, in order.

        Args:
            input_size: (height, width) in pixels.
            per_block: a knob per selector instead, with ratios 1.0, 0.9, ..., 0.1.
            share: offer one decision for all blocks of an interaction.
            extractors: offer to leave out the extra extractors; a checkpoint must be trained for that.
        """
        total = self.adapter.tokens(input_size)
        inherit = self.selection.inherit
        groups = [(block,) for block in self.selection.blocks] if per_block else self.selection.groups()
        knobs = []
        for power, group in enumerate(groups, start=1):
            uniform = per_block or inherit
            values = RATIOS if uniform else tuple(round(base**power, 6) for base in BASES)
            counts = tuple(kept_tokens(value, total) for value in values)
            knobs.append(Knob(f"keep{name_of(group)}", values, counts))
        ordered = (tuple(knob.name for knob in knobs),) if inherit and len(knobs) > 1 else ()
        longest = max(map(len, self.selection.groups()))
        if share and longest > 1 and not inherit:
            knobs.append(Knob("share", (1, longest)))
        if extractors and self.selection.extra_extractors:
            knobs.append(Knob("extra_extractors", tuple(range(self.selection.extra_extractors, -1, -1))))
        return Space(tuple(knobs), ordered, input_size)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block and per extra extractor, for one image.

        Where the count depends on the image, it is the share that the selectors are trained for.
        """
        schedule, total = self.schedule(plan), self.adapter.tokens(input_size)
        multiple = schedule.multiple if schedule.mode == "topk" else 1
        kept = {run.selector: kept_tokens(run.keep, total, multiple) for run in schedule.deciding()}
        return self.work_of(plan, input_size, kept)

    def work_of(self, plan: Mapping[str, Value], input_size: tuple[int, int], kept: Mapping[int | None, float]) -> Work:
        """As `work`, for counted tokens.

        Args:
            kept: tokens, or their mean, that each selector keeps; one that inherits keeps no more than there are left.
        """
        schedule, total = self.schedule(plan), self.adapter.tokens(input_size)
        left: dict[int | None, float] = {None: total}
        blocks, alive = [], float(total)
        for stage, runs in enumerate(schedule.interactions):
            for run in runs:
                decides = run.selector not in left
                if decides:
                    left[run.selector] = min(kept[run.selector], alive if self.selection.inherit else total)
                    alive = left[run.selector]
                tokens = left[run.selector]
                sparse = run.selector is not None and (schedule.mode != "topk" or tokens < total)
                for position in range(len(run.blocks)):
                    selector = self.selector_macs(total) if sparse and decides and position == 0 else 0.0
                    macs = self.adapter.block_macs(tokens)
                    blocks.append(BlockWork(stage, round(tokens), total, macs + selector, sparse))
        places, last = 21 * total // 4, len(schedule.interactions) - 1
        for number in range(self.selection.extra_extractors):
            read = places if number < schedule.extra_extractors else 0
            blocks.append(BlockWork(last, read, places, self.adapter.extractor_macs(total) * bool(read)))
        return Work(tuple(blocks), self.adapter.fixed_macs(total))

    def selector_macs(self, tokens: int) -> float:
        """MACs of one selector."""
        hidden = self.adapter.embed_dim // 4
        return float(tokens * hidden * (self.adapter.embed_dim + 2))
