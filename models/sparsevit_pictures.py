"""Which windows the blocks of SparseViT process, laid over the image.

Letters: B images, H x W tokens, n windows, k kept windows.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from models.picture import Picture
from models.sparsevit_geometry import Geometry
from models.window_layout import token_places


def window_pictures(geometry: Geometry, kept: Mapping[str, Tensor], x: Tensor) -> tuple[Picture, ...]:
    """One map per block: 1 where a token lies in a window that is processed, 0 where it passes unchanged.

    The maps show whole windows, also where the last of them hang over the border, so that their mean is the share of
    windows. A shifted window that wraps around the map lies at both of its ends, as in the attention.

    Args:
        geometry: of the backbone.
        kept: what a pass told, `s0.b1.kept`, ...: the (B, k) windows of a block; one that told nothing was dense.
        x: (B, channels, height, width) images.
    """
    side, pictures = geometry.window_size, []
    sizes = geometry.stage_sizes((int(x.shape[2]), int(x.shape[3])))
    for stage, (depth, (height, width)) in enumerate(zip(geometry.depths, sizes, strict=True)):
        rows, columns = math.ceil(height / side), math.ceil(width / side)
        pixels = float(geometry.patch_size * 2**stage)
        for block in range(depth):
            chosen = torch.ones(x.shape[0], rows * columns, device=x.device)
            order = kept.get(f"s{stage}.b{block}.kept")
            if order is not None:
                chosen = torch.zeros_like(chosen).scatter_(1, order, 1.0)
            places = token_places(rows * side, columns * side, side, block % 2 * (side // 2), x.device)
            window = places.div(side**2, rounding_mode="floor")
            values = chosen[:, window].view(-1, rows * side, columns * side)
            pictures.append(Picture(f"stage {stage}, block {block}", "kept", values, (pixels, pixels)))
    return tuple(pictures)
