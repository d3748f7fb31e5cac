"""Who is processed: from the logits of a selector to the tokens that its blocks run on.

Source: SViT (arXiv 2306.07050), section 3; the straight-through Gumbel estimator is arXiv 1611.01144.
Letters: B images, N tokens.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from models.errors import InputError
from models.svit_plan import Mode

Noise: TypeAlias = torch.Generator | Sequence[Tensor] | None
"""Chance for mode gumbel: a generator on the device of the images, one (B, N, 2) tensor per selector that decides, in
order, or None for torch's global generator."""


def gumbel(logits: Tensor, noise: Noise, number: int) -> Tensor:
    """Gumbel noise for the logits of the `number`-th decision of a pass.

    Raises:
        InputError: noise was given, but not for this decision, or of another shape.
    """
    if noise is None or isinstance(noise, torch.Generator):
        return -torch.empty_like(logits).exponential_(generator=noise).log()
    if number >= len(noise) or noise[number].shape != logits.shape:
        shapes = [tuple(given.shape) for given in noise]
        raise InputError(f"decision {number} needs noise of shape {tuple(logits.shape)}; got {shapes}")
    return noise[number]


def kept(logits: Tensor, mode: Mode, threshold: float) -> Tensor:
    """Which tokens are kept, where their number is not fixed.

    Args:
        logits: (B, N, 2) keep and skip; for mode gumbel, with noise.
        mode: any but topk.
        threshold: probability above which a token is kept; for mode threshold.
    Returns:
        (B, N) bool.
    """
    keep, skip = logits.unbind(-1)
    if mode == "gumbel":
        return keep >= skip
    # compared before the sigmoid, which is 1 for all that are kept surely; the margin of 1/2 is 0: argmax
    margin = 0.0 if mode == "argmax" else margin_of(threshold)
    return keep - skip > margin


def margin_of(probability: float) -> float:
    """By how much the logit of keeping exceeds that of skipping, at a probability of keeping."""
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability) - math.log1p(-probability)


def best(logits: Tensor, count: int, alive: Tensor | None = None) -> Tensor:
    """The `count` tokens that are kept most surely, of equal ones the first; in their own order.

    No number depends on the data, so a graph with this in it can be captured and replayed.

    Args:
        logits: (B, N, 2) keep and skip.
        count: at most N.
        alive: (B, N) bool, at least `count` of them; the others are not chosen.
    Returns:
        (B, count) int64.
    """
    margin = logits[..., 0] - logits[..., 1]
    if alive is not None:
        margin = margin.masked_fill(~alive, -torch.inf)
    ranked = margin.argsort(dim=1, descending=True, stable=True)
    return ranked[:, :count].sort(dim=1).values


def mask_of(places: Tensor, total: int) -> Tensor:
    """(B, k) places -> (B, N) bool."""
    none = torch.zeros(places.shape[0], total, dtype=torch.bool, device=places.device)
    return none.scatter(1, places, True)


def straight_through(keep: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Decisions as numbers: their value is 0 or 1, their gradient that of the probability.

    Args:
        keep: (B, N) bool.
        logits: (B, N, 2), with noise where there was any.
        temperature: of the softmax; changes gradients only.
    Returns:
        (B, N).
    """
    probability = torch.softmax(logits / temperature, -1)[..., 0]
    return keep.to(probability.dtype) - probability.detach() + probability


def ratio_loss(decisions: Sequence[Tensor], targets: Sequence[float], per_image: bool) -> Tensor:
    """How far the share of kept tokens is from its target, squared, averaged over the selectors.

    Args:
        decisions: (B, N) of every selector, at least one.
        targets: share that each should keep.
        per_image: square the error of every image; otherwise that of their mean, so that images may differ.
    Source: SViT (arXiv 2306.07050), section 3.
    """
    losses = []
    for decided, target in zip(decisions, targets, strict=True):
        share = decided.mean(1) if per_image else decided.mean()
        losses.append((share - target).square().mean())
    return torch.stack(losses).mean()
