"""A closed-form accuracy surface over any space: simulated, for trying out searches without a model or images.

Each knob costs accuracy in proportion to the share it prunes, raised to a power above one: a little pruning is almost
free, a lot is not. Knobs that prune together cost a little extra. A ripple per plan stands for the roughness of a real
metric on a finite set of images; it differs between splits, so that choosing by one split flatters the winner there.
"""

import hashlib
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

from models.plan import Plan
from models.space import Space
from search.records import Evaluation

DENSE_MAP = 42.6
"""The dense box mAP of the surface."""

IMAGES = 500
BLOCKS = 10


class SyntheticEvaluator:
    """A deterministic surface.

    Args:
        space: the space of the plans.
        images: images it pretends to see.
        delay_s: pause per evaluation, to look like work.
        log: append-only file that gets one line per evaluation.
    """

    def __init__(
        self, space: Space, images: int | None = None, delay_s: float = 0.0, log: str | Path | None = None
    ) -> None:
        self._space = space
        self._images = min(images or IMAGES, IMAGES)
        self._delay_s = delay_s
        self._log = log

    def digest(self, split: str) -> str:
        """See `Evaluator.digest`."""
        return hashlib.sha256(f"synthetic {split} {self._images}".encode()).hexdigest()

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        """See `Evaluator.evaluate`; the metric does not depend on `blocks`, only the number of images does."""
        started = time.monotonic()
        if self._delay_s:
            time.sleep(self._delay_s)
        box = surface(self._space, plan) + _ripple(plan, split)
        if self._log is not None:
            # one write of one line: whole even when the process is killed
            handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(handle, f"{split} {plan.to_json()}\n".encode())
            os.close(handle)
        share = 1.0 if blocks is None else len(blocks) / BLOCKS
        return Evaluation(
            plan=plan,
            images=round(self._images * share),
            split=split,
            metrics={"bbox_mAP": round(box, 6), "segm_mAP": round(0.92 * box, 6)},
            seconds=time.monotonic() - started,
            data=self.digest(split),
        )

    def close(self) -> None:
        """Nothing to free."""


def surface(space: Space, plan: Plan) -> float:
    """Box mAP of a plan without the ripple: 42.6 when dense, falling smoothly with every knob."""
    indices = space.indices(plan)
    loss, together = 0.0, 0.0
    for slot, (knob, index) in enumerate(zip(space.knobs, indices, strict=True)):
        pruned = index / max(len(knob.values) - 1, 1)
        # weights and powers differ between knobs, so that the best plan is not the uniform one
        weight = 0.6 + 2.4 * (0.5 + 0.5 * math.sin(2.1 * slot + 0.7))
        power = 1.6 + 0.9 * (0.5 + 0.5 * math.cos(1.3 * slot))
        loss += weight * pruned**power
        together += pruned
    return DENSE_MAP - loss - 0.08 * together**2 / max(len(space.knobs), 1)


def _ripple(plan: Plan, split: str) -> float:
    text = f"{split} {sorted(plan.items())}".encode()
    return 0.06 * (int.from_bytes(hashlib.sha256(text).digest()[:4], "big") / 2**32 - 0.5)
