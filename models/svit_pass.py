"""One forward pass of SViT through its blocks: who was kept so far, and what training needs to know of it.

Letters: B images, N tokens, C channels, R rows: the kept tokens of all images, one after the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.svit_decisions import Noise, best, gumbel, kept, mask_of, straight_through
from models.svit_layers import SparseBlock
from models.svit_plan import Run, Schedule, kept_tokens
from models.vit_adapter_layers import Trace, caller


class Decision(NamedTuple):
    """What a selector decided.

    Args:
        value: (B, N) 0 or 1, in training with gradients.
        keep: (B, N) bool.
        places: (B, k) the kept tokens, where every image has as many; else None.
    """

    value: Tensor
    keep: Tensor
    places: Tensor | None


class Pass:
    """What one pass knows; made anew for each, so the network keeps nothing.

    Args:
        selectors: of the network.
        schedule: what the plan means.
        inherit: a token once skipped stays skipped.
        training: compute all tokens and let decisions have gradients.
        temperature: of the softmax that gives decisions their gradient.
        noise: chance for mode gumbel.
        trace: told of logits (`selector0.logits`), own decisions (`.keep`) and those that hold (`.kept`).
        with_cp: gradient checkpointing.
    """

    def __init__(
        self,
        selectors: nn.ModuleList,
        schedule: Schedule,
        inherit: bool,
        training: bool,
        temperature: float = 1.0,
        noise: Noise = None,
        trace: Trace | None = None,
        with_cp: bool = False,
    ) -> None:
        self.selectors, self.schedule, self.inherit, self.training = selectors, schedule, inherit, training
        self.temperature, self.noise, self.trace = temperature, noise, trace
        self.call = caller(with_cp)
        self.decided: dict[int, Decision] = {}

    def run(self, x: Tensor, run: Run, blocks: Sequence[nn.Module]) -> Tensor:
        """The tokens after a run of blocks: (B, N, C) -> (B, N, C)."""
        count = self._count(run, x.shape[1])
        if run.selector is None or (count == x.shape[1] and not self.training):
            # nothing to choose: a selector is not even asked
            for block in blocks:
                x = self.call(block, x)
            return x
        fresh = run.selector not in self.decided
        if fresh:
            self.decided[run.selector] = self._decide(x, run, run.selector, count)
        decision = self.decided[run.selector]
        return self._masked(x, decision, fresh, blocks) if self.training else self._gathered(x, decision, blocks)

    def _masked(self, x: Tensor, decision: Decision, fresh: bool, blocks: Sequence[nn.Module]) -> Tensor:
        for number, block in enumerate(blocks):
            # as published: blocks that reuse a decision do not teach its selector
            value = decision.value if fresh and number == 0 else decision.value.detach()
            x = self.call(block, x, value)
        return x

    def _gathered(self, x: Tensor, decision: Decision, blocks: Sequence[nn.Module]) -> Tensor:
        # gathered once and scattered once: blocks between change kept tokens alone
        flat = x.flatten(0, 1)
        if decision.places is not None:
            images, count = decision.places.shape
            first = torch.arange(images, device=x.device)[:, None] * x.shape[1]
            rows = (decision.places + first).flatten()
            picked = flat.index_select(0, rows).view(images, count, -1)
            for block in blocks:
                picked = self.call(block, picked)
            picked = picked.flatten(0, 1)
        else:
            rows, counts = decision.keep.flatten().nonzero().squeeze(1), decision.keep.sum(1).tolist()
            picked = flat.index_select(0, rows)
            for block in blocks if len(rows) else ():
                assert isinstance(block, SparseBlock)
                picked = block.rows(picked, counts)
        return flat.index_copy(0, rows, picked.to(flat.dtype)).view_as(x)

    def _decide(self, x: Tensor, run: Run, selector: int, count: int | None) -> Decision:
        logits: Tensor = self.selectors[selector](x).float()
        self._tell(selector, "logits", logits)
        if self.schedule.mode == "gumbel":
            logits = logits + gumbel(logits, self.noise, len(self.decided))
        before = list(self.decided.values())[-1] if self.inherit and self.decided else None
        places = None
        if count is None:
            keep = kept(logits, self.schedule.mode, run.threshold)
        else:
            places = best(logits, count, None if before is None else before.keep)
            keep = mask_of(places, x.shape[1])
        self._tell(selector, "keep", keep)
        value = straight_through(keep, logits, self.temperature) if self.training else keep.float()
        if before is not None:
            keep, value = keep & before.keep, value * before.value
        self._tell(selector, "kept", keep)
        return Decision(value, keep, places)

    def _count(self, run: Run, total: int) -> int | None:
        """Tokens that mode topk keeps; None: it depends on the image."""
        if self.schedule.mode != "topk":
            return None
        count = kept_tokens(run.keep, total, self.schedule.multiple)
        if self.inherit and run.selector is not None:
            # no more than are left
            earlier = [decision.places.shape[1] for decision in self.decided.values() if decision.places is not None]
            count = min([count, *earlier])
        return count

    def _tell(self, selector: int, what: str, value: Tensor) -> None:
        if self.trace is not None:
            self.trace(f"selector{selector}.{what}", value)
