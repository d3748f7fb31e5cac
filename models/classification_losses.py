"""Cross-entropy against soft targets, and what makes targets soft: label smoothing, mixed images."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from models.errors import InputError

MIXES: Mapping[str, Callable[..., Any]] = {"mixup": v2.MixUp, "cutmix": v2.CutMix}
"""By the name in a config."""


def soft_cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy over the batch.

    Args:
        logits: (batch, classes).
        targets: class numbers (batch,), or a distribution (batch, classes).
        smoothing: part of every target that is spread evenly over all classes.
    """
    return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)


class BatchMix:
    """MixUp or CutMix of a whole batch, drawn anew for every batch.

    Args:
        num_classes: length of the soft targets.
        mixup, cutmix: alpha of the Beta distribution that the share is drawn from; 0: never.
        prob: how often a batch is mixed at all.
        switch: how often a mixed batch is cut instead of blended, where both are on.
    Raises:
        InputError: nothing to mix with, or a share outside 0..1.
    Source: mixup (arXiv 1710.09412), CutMix (arXiv 1905.04899), by torchvision.
    """

    def __init__(
        self, num_classes: int, mixup: float = 0.8, cutmix: float = 1.0, prob: float = 1.0, switch: float = 0.5
    ) -> None:
        if mixup <= 0 and cutmix <= 0:
            raise InputError("mixing needs mixup > 0 or cutmix > 0; leave `mix` out to train without")
        if not 0 <= prob <= 1 or not 0 <= switch <= 1:
            raise InputError(f"prob={prob} and switch={switch} are shares and must be in 0..1")
        self.prob = prob
        self.switch = switch if mixup > 0 and cutmix > 0 else float(cutmix > 0)
        alphas = {"mixup": mixup, "cutmix": cutmix}
        self._mixes = {name: MIXES[name](alpha=a, num_classes=num_classes) for name, a in alphas.items() if a > 0}

    def __call__(self, img: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images (batch, 3, height, width) and class numbers (batch,); soft targets (batch, classes) where mixed."""
        if len(labels) < 2 or float(torch.rand(())) >= self.prob:
            return img, labels
        name = "cutmix" if float(torch.rand(())) < self.switch else "mixup"
        mixed: tuple[Tensor, Tensor] = self._mixes[name](img, labels)
        return mixed
