"""A closed-form accuracy surface over any space: simulated, for trying out searches without a model or images.

Each knob costs accuracy in proportion to the share it prunes, raised to a power above one: a little pruning is almost
free, a lot is not. Knobs that prune together cost a little extra. A ripple per plan stands for the roughness of a real
metric on a finite set of images; it differs between splits, so that choosing by one split flatters the winner there.
"""

import hashlib
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from models.plan import Plan
from models.space import Space
from search.records import Evaluation

DENSE_MAP = 42.6
"""The dense box mAP of the surface."""

IMAGES = 500
BLOCKS = 10

Fault: TypeAlias = Literal["crash", "hang", "nan", "raise", "memory"]
FAULTS: tuple[Fault, ...] = get_args(Fault)


class SyntheticEvaluator:
    """A deterministic surface.

    Args:
        space: the space of the plans.
        images: images it pretends to see.
        delay_s: pause per evaluation, to look like work.
        log: append-only file that gets one line per evaluation.
        fault: what goes wrong with some plans, always the same ones: the process crashes or hangs, the metrics are NaN,
            an exception is raised, or more memory is wanted than there is.
        fault_share: share of the plans that it befalls.
    """

    def __init__(
        self,
        space: Space,
        images: int | None = None,
        delay_s: float = 0.0,
        log: str | Path | None = None,
        fault: Fault | None = None,
        fault_share: float = 1.0,
    ) -> None:
        self._space = space
        self._images = min(images or IMAGES, IMAGES)
        self._delay_s = delay_s
        self._log = log
        self._fault = fault
        self._fault_share = fault_share

    def digest(self, split: str) -> str:
        """See `Evaluator.digest`."""
        return hashlib.sha256(f"synthetic {split} {self._images}".encode()).hexdigest()

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        """See `Evaluator.evaluate`; the metric does not depend on `blocks`, only the number of images does."""
        started = time.monotonic()
        if self._delay_s:
            time.sleep(self._delay_s)
        box = surface(self._space, plan) + _ripple(plan, split)
        if self._fault is not None and is_faulty(plan, self._fault_share):
            box = _fail(self._fault)
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


def is_faulty(plan: Plan, share: float) -> bool:
    """Whether a plan is among the `share` of all plans that cannot be evaluated."""
    return _fraction(f"fault {sorted(plan.items())}") < share


def _fail(fault: Fault) -> float:
    """Go wrong for real: this may not return."""
    match fault:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            while True:
                time.sleep(3600.0)
        case "raise":
            raise RuntimeError("the evaluator is broken on purpose")
        case "memory":
            bytearray(1 << 62)
    return math.nan


def _ripple(plan: Plan, split: str) -> float:
    return 0.06 * (_fraction(f"{split} {sorted(plan.items())}") - 0.5)


def _fraction(text: str) -> float:
    """A number in [0, 1) that looks random but is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def option_problem(options: Mapping[str, Any]) -> str | None:
    """What is wrong with the options of a synthetic target; None: nothing."""
    if unknown := sorted(set(options) - {"delay_s", "log", "fault", "fault_share"}):
        return f"unknown options {unknown}; known are delay_s, log, fault and fault_share"
    for name, most in (("delay_s", 86400.0), ("fault_share", 1.0)):
        value = options.get(name, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            return f"option {name}={value!r} must be a number from 0 to {most:g}"
    if not isinstance(options.get("log", ""), str):
        return f"option log={options['log']!r} must be a path"
    if "fault" in options and options["fault"] not in FAULTS:
        return f"option fault={options['fault']!r} is unknown; choose one of {', '.join(FAULTS)}"
    return None
