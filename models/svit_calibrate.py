"""Calibration of SViT on a few hundred images: thresholds that hit asked ratios, ratios that a network chooses itself.

A network trained with Gumbel noise steers the mean of its draws, so its probabilities need not lie on the two sides of
1/2: thresholds must be found on images. Source: our own; SViT (arXiv 2306.07050) runs its noise in evaluation too.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from models.errors import ModelError
from models.plan import Plan, Value
from models.svit import SelectiveViTAdapter
from models.svit_decisions import Noise
from models.svit_plan import Mode

Batches = Callable[[], Iterable[Tensor]]
"""Gives the same batches of images, (B, 3, height, width), each time it is called."""

ROUNDS = 3
"""Passes over the images. What one block keeps changes what the next ones see, a little."""


def calibrate_thresholds(
    model: SelectiveViTAdapter, batches: Batches, ratios: Sequence[float] | None = None, rounds: int = ROUNDS
) -> Plan:
    """The plan of mode threshold that keeps the asked shares of tokens on average; images may differ.

    Args:
        model: in evaluation mode.
        batches: a few hundred images, prepared as for the detector.
        ratios: one per selector; None: those it was trained for.
        rounds: passes over the images; the first keeps exact counts.
    Raises:
        ModelError: not in evaluation mode, not one ratio in (0, 1] per selector, decisions that are inherited, or no
            images.
    """
    selection = model.geometry.selection
    asked = tuple(selection.ratios if ratios is None else ratios)
    if len(asked) != len(selection.blocks) or not all(0 < ratio <= 1 for ratio in asked):
        raise ModelError(f"ratios={asked} must be one share in (0, 1] per selector, {len(selection.blocks)}")
    if selection.inherit:
        raise ModelError("calibration needs a network whose blocks decide afresh; this one inherits its decisions")
    plan = Plan(tuple((f"keep{block}", ratio) for block, ratio in zip(selection.blocks, asked, strict=True)))
    for _ in range(rounds):
        margins = _margins(model, batches, plan)
        knobs = [
            (f"threshold{block}", _threshold(found, ratio))
            for block, found, ratio in zip(selection.blocks, margins, asked, strict=True)
        ]
        plan = Plan((("mode", "threshold"), *knobs))
    return plan


def calibrate_ratios(
    model: SelectiveViTAdapter, batches: Batches, mode: Mode = "gumbel", noise: torch.Generator | None = None
) -> Plan:
    """The plan of mode topk that keeps of every image what the network keeps on average in another mode.

    Args:
        model: in evaluation mode.
        batches: a few hundred images, prepared as for the detector.
        mode: gumbel, as it was trained, or argmax.
        noise: chance for mode gumbel.
    """
    shares = kept_shares(model, batches, {"mode": mode}, noise)
    blocks = model.geometry.selection.blocks
    return Plan(
        tuple((f"keep{block}", max(1e-4, round(share, 4))) for block, share in zip(blocks, shares, strict=True))
    )


def kept_shares(
    model: SelectiveViTAdapter, batches: Batches, plan: dict[str, Value] | Plan, noise: Noise = None
) -> tuple[float, ...]:
    """The mean share of tokens that each selector's blocks process; 1 where a selector is not asked.

    With `SvitGeometry.work_of` it gives the mean MACs of a plan that depends on the images.
    """
    selectors = len(model.geometry.selection.blocks)
    kept, seen = [0.0] * selectors, [0] * selectors

    def trace(name: str, value: Tensor) -> None:
        if name.endswith(".kept"):
            number = _number(name)
            kept[number] += float(value.sum())
            seen[number] += value.numel()

    _run(model, batches, plan, trace, noise)
    return tuple(share / count if count else 1.0 for share, count in zip(kept, seen, strict=True))


def _margins(model: SelectiveViTAdapter, batches: Batches, plan: Plan) -> list[Tensor]:
    found: list[list[Tensor]] = [[] for _ in model.geometry.selection.blocks]

    def trace(name: str, value: Tensor) -> None:
        if name.endswith(".logits"):
            found[_number(name)].append((value[..., 0] - value[..., 1]).flatten().cpu())

    _run(model, batches, plan, trace, None)
    # a selector that keeps all in mode topk is not asked
    return [torch.cat(margins) if margins else torch.empty(0) for margins in found]


def _run(
    model: SelectiveViTAdapter,
    batches: Batches,
    plan: dict[str, Value] | Plan,
    trace: Callable[[str, Tensor], None],
    noise: Noise,
) -> None:
    if model.training:
        raise ModelError("calibration needs a model in evaluation mode, whose norms do not move; call model.eval()")
    ran = 0
    with torch.no_grad():
        for images in batches():
            ran += 1
            model(images, plan, trace, noise)
    if not ran:
        raise ModelError("calibration needs images; `batches` gave none")


def _threshold(margins: Tensor, ratio: float) -> float:
    """The probability above which a share of the margins lies."""
    ranked = margins.double().sort(descending=True).values
    count = min(len(ranked), max(1, int(ratio * len(ranked) + 0.5)))
    if count == len(ranked):
        return 0.0
    middle = float(ranked[count - 1] + ranked[count]) / 2
    return 1 / (1 + math.exp(-middle)) if middle >= 0 else math.exp(middle) / (1 + math.exp(middle))


def _number(name: str) -> int:
    return int(name.removeprefix("selector").partition(".")[0])
