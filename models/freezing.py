"""Freezing the beginning of a hierarchical backbone, as mmdet's `frozen_stages` asks."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn


def freeze(
    stages: Iterable[nn.Module],
    count: int,
    stem: Iterable[nn.Module],
    position: Tensor | None,
    norms: Mapping[int, nn.Module],
) -> None:
    """Stop gradients of the stem and of the first stages, and keep them in evaluation mode.

    Args:
        stages: in order.
        count: stages that are frozen, the stem with them; 0: the stem alone; below 0: nothing.
        stem: what runs before the first stage.
        position: the absolute position embedding; None: there is none.
        norms: output norms by stage; that of a frozen stage is frozen with it.
    """
    if count < 0:
        return
    if position is not None:
        position.requires_grad_(False)
    frozen = [*stem, *list(stages)[:count], *(norm for stage, norm in norms.items() if stage < count)]
    for module in frozen:
        module.eval()
        module.requires_grad_(False)
