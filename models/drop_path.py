"""Stochastic depth per image."""

import torch
from torch import Tensor, nn


def uniform(images: int, like: Tensor) -> Tensor:
    """One draw from [0, 1) per image: the only chance in a forward pass, kept apart so that tests can supply it."""
    return torch.rand(images, dtype=like.dtype, device=like.device)


class DropPath(nn.Module):
    """Drops a residual branch for whole images while training, and scales what stays.

    Source: Deep Networks with Stochastic Depth (arXiv 1603.09382).
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        if not self.training or self.probability == 0:
            return branch
        kept = 1 - self.probability
        keep = torch.floor(kept + uniform(branch.shape[0], branch))
        return branch / kept * keep.view(-1, *[1] * (branch.dim() - 1))

    def extra_repr(self) -> str:
        return f"probability={self.probability:g}"
