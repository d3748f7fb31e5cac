"""Deformable attention on GPUs by mmcv's compiled operator. Imported only where a GPU is used."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from mmcv.ops import get_compiling_cuda_version
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from torch import Tensor

from models.deformable_attention import Sampler, Sizes


def sampler() -> Sampler | None:
    """`models.deformable_attention.sample` by the compiled operator; None: this mmcv was compiled without CUDA."""
    if get_compiling_cuda_version() == "not available":
        return None

    def choose(values: Tensor, sizes: Sizes, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        return through(MultiScaleDeformableAttnFunction.apply, values, sizes, x, y, weights)

    return choose


def through(
    operator: Callable[..., Any], values: Tensor, sizes: Sizes, x: Tensor, y: Tensor, weights: Tensor
) -> Tensor:
    """The arguments of `sample` as the operator takes them.

    Args:
        operator: called with values, sizes, starts, (B, Q, A, L, P, 2) locations in 0..1, (B, Q, A, L, P) weights and
            the images to process at once.
        values, sizes, x, y, weights: as in `sample`.
    """
    images = values.shape[0]
    shapes, starts = _levels(sizes, values.device)
    locations = torch.stack(
        [(pixels + 0.5) / shapes[:, side].view(-1, 1, 1).to(pixels.dtype) for pixels, side in ((x, 1), (y, 0))],
        -1,
    )
    queries = x.shape[-1] // images
    locations = locations.permute(3, 0, 1, 2, 4).reshape(images, queries, *x.shape[:3], 2)
    shares = weights.permute(3, 0, 1, 2).reshape(images, queries, *x.shape[:3])
    result: Tensor = operator(values.contiguous(), shapes, starts, locations, shares, images)
    return result


@lru_cache(maxsize=256)
def _levels(sizes: Sizes, device: torch.device) -> tuple[Tensor, Tensor]:
    # remembered per size: copying them to the device would wait for it
    with torch.inference_mode(False):
        shapes = torch.tensor(sizes, device=device)
        return shapes, torch.cat((shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]))
