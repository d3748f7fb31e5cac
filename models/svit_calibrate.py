"""Calibration of SViT on a few hundred images: thresholds that hit asked ratios, ratios that a network chooses itself.

A network trained with Gumbel noise steers the mean of its draws, so its probabilities need not lie on the two sides of
1/2: thresholds must be found on images. Source: our own; SViT (arXiv 2306.07050) runs its noise in evaluation too.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from models.errors import InputError, PlanError
from models.plan import Plan, Value
from models.svit import SelectiveViTAdapter
from models.svit_decisions import Noise
from models.svit_plan import Mode

ROUNDS = 3
"""Passes over the images. What one block keeps changes what the next ones see, a little."""


def calibrate(model: SelectiveViTAdapter, plan: Mapping[str, Value], batches: Sequence[Tensor], seed: int = 0) -> Plan:
    """The plan with what it leaves open settled: thresholds in mode threshold, ratios in mode topk.

    Args:
        model: in evaluation mode.
        plan: of mode threshold, with or without ratios to hit; or of mode topk, without.
        batches: a few hundred images, (B, 3, height, width), prepared as for the detector.
        seed: of the noise under which the ratios of mode topk are found.
    Raises:
        PlanError: nothing is open.
        InputError: no images, or a model in training mode.
    """
    mode = model.geometry.schedule(plan).mode
    if mode == "threshold":
        return calibrate_thresholds(model, plan, batches)
    if mode == "topk" and not any(name.startswith("keep") for name in plan):
        noise = torch.Generator(_device(batches)).manual_seed(seed)
        return Plan.of({**plan, **calibrate_ratios(model, batches, "gumbel", noise)})
    raise PlanError(
        f"plan {dict(plan)} leaves nothing open; ask for mode='threshold' (with keep ratios to hit), or "
        "for mode='topk' without ratios"
    )


def calibrate_thresholds(
    model: SelectiveViTAdapter, plan: Mapping[str, Value], batches: Sequence[Tensor], rounds: int = ROUNDS
) -> Plan:
    """The plan of mode threshold that keeps the asked shares of tokens on average; images may differ.

    Args:
        model: in evaluation mode.
        plan: whose `keep` knobs ask for shares, else those the network was trained for; thresholds in it are replaced.
        batches: a few hundred images, prepared as for the detector.
        rounds: passes over the images; the first keeps exact counts.
    Raises:
        PlanError: decisions that are inherited.
        InputError: no images, or a model in training mode.
    """
    selection = model.geometry.selection
    if selection.inherit:
        raise PlanError("calibration needs a network whose blocks decide afresh; this one inherits its decisions")
    asked: dict[str, Value] = {name: value for name, value in plan.items() if not name.startswith("threshold")}
    asked["mode"] = "threshold"
    runs = selection.schedule(asked).deciding()
    current = {name: value for name, value in asked.items() if name not in ("mode", "keep")}
    current |= {f"keep{run.blocks[0]}": run.keep for run in runs}
    for _ in range(rounds):
        margins = _margins(model, batches, current)
        found = {f"threshold{run.blocks[0]}": _threshold(margins[run.selector], run.keep) for run in runs}
        current = {**asked, **found}
    return Plan.of(current)


def calibrate_ratios(
    model: SelectiveViTAdapter, batches: Sequence[Tensor], mode: Mode = "gumbel", noise: Noise = None
) -> Plan:
    """The plan of mode topk that keeps of every image what the network keeps on average in another mode.

    Args:
        model: in evaluation mode.
        batches: a few hundred images, prepared as for the detector.
        mode: gumbel, as it was trained, or argmax.
        noise: chance for mode gumbel.
    Raises:
        InputError: no images, or a model in training mode.
    """
    shares = kept_shares(model, {"mode": mode}, batches, noise)
    blocks = model.geometry.selection.blocks
    return Plan(
        tuple((f"keep{block}", max(1e-4, round(share, 4))) for block, share in zip(blocks, shares, strict=True))
    )


def kept_shares(
    model: SelectiveViTAdapter, plan: Mapping[str, Value], batches: Sequence[Tensor], noise: Noise = None
) -> tuple[float, ...]:
    """The mean share of tokens that the blocks of each selector process; 1 where a selector is not asked.

    With `SvitGeometry.work_of` it gives the mean MACs of a plan that depends on the images.
    """
    selectors = len(model.geometry.selection.blocks)
    kept, seen = [0.0] * selectors, [0] * selectors

    def trace(name: str, value: Tensor) -> None:
        if name.endswith(".kept"):
            number = _number(name)
            kept[number] += float(value.sum())
            seen[number] += value.numel()

    _run(model, plan, batches, trace, noise)
    return tuple(share / count if count else 1.0 for share, count in zip(kept, seen, strict=True))


def _margins(
    model: SelectiveViTAdapter, batches: Sequence[Tensor], plan: Mapping[str, Value]
) -> dict[int | None, Tensor]:
    found: dict[int | None, list[Tensor]] = {number: [] for number in range(len(model.geometry.selection.blocks))}

    def trace(name: str, value: Tensor) -> None:
        if name.endswith(".logits"):
            found[_number(name)].append((value[..., 0] - value[..., 1]).flatten().cpu())

    _run(model, plan, batches, trace, None)
    # a selector that keeps all in mode topk is not asked
    return {number: torch.cat(margins) if margins else torch.empty(0) for number, margins in found.items()}


def _run(
    model: SelectiveViTAdapter,
    plan: Mapping[str, Value],
    batches: Sequence[Tensor],
    trace: Callable[[str, Tensor], None],
    noise: Noise,
) -> None:
    if model.training:
        raise InputError("calibration needs a model in evaluation mode, whose norms do not move; call model.eval()")
    _device(batches)
    with torch.no_grad():
        for images in batches:
            model.forward(images, Plan.of(plan), trace, noise)


def _device(batches: Sequence[Tensor]) -> torch.device:
    if not batches:
        raise InputError("calibration needs images; got no batches")
    return batches[0].device


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
