"""Which super token every token belongs to, laid over the image.

Letters: B images, H x W tokens, h x w super tokens (= cells), n tokens in a cell.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from models.picture import Picture
from models.plan import Value
from models.super_token_geometry import SuperTokenGeometry
from models.super_token_plan import Cell
from models.super_token_sampling import from_cells


def association_pictures(
    geometry: SuperTokenGeometry, associations: Mapping[str, Tensor], x: Tensor, plan: Mapping[str, Value]
) -> tuple[Picture, ...]:
    """One map per block: the super token that holds the largest share of each token, numbered row by row.

    Where a block samples nothing, every token is a group of its own.

    Args:
        geometry: of the model.
        associations: what a pass told, without the number of the round, `s0.b1.association`: (B, h, w, 9, n).
        x: (B, channels, height, width) images.
        plan: of the pass.
    """
    sizes, pictures = geometry.stage_sizes((int(x.shape[2]), int(x.shape[3]))), []
    for stage, (settings, size) in enumerate(zip(geometry.schedule(plan), sizes, strict=True)):
        pixels = float(4 * 2**stage)
        for block, setting in enumerate(settings):
            association = associations.get(f"s{stage}.b{block}.association")
            if association is None:
                values = torch.arange(size[0] * size[1], device=x.device).view(1, *size).expand(x.shape[0], -1, -1)
            else:
                values = owners(association, setting.cell, size)
            pictures.append(Picture(f"stage {stage}, block {block}", "groups", values, (pixels, pixels)))
    return tuple(pictures)


def owners(association: Tensor, cell: Cell, size: tuple[int, int]) -> Tensor:
    """(B, h, w, 9, n) -> (B, H, W): the number of the super token with the largest share of each token.

    What a token at the border gives to the zero vectors beyond the grid belongs to nobody and is not in question here.

    Args:
        cell: (height, width) of a cell in tokens.
        size: (H, W).
    """
    rows, columns = association.shape[1:3]
    around = torch.arange(9, device=association.device)
    row = torch.arange(rows, device=association.device)[:, None, None] + around // 3 - 1
    column = torch.arange(columns, device=association.device)[None, :, None] + around % 3 - 1
    outside = (row < 0) | (row >= rows) | (column < 0) | (column >= columns)  # (h, w, 9)
    best = association.masked_fill(outside[..., None], -1).argmax(3)
    number = (row * columns + column).expand(len(association), -1, -1, -1)
    return from_cells(number.gather(3, best)[..., None], cell, size)[..., 0]
