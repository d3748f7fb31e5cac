"""The Swin authors' checkpoint layout, renamed and re-ordered to mmdet's.

Source: github.com/microsoft/Swin-Transformer checkpoints; mmdet 2.28 stores merging weights in `nn.Unfold` order.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from models.errors import CheckpointError
from models.fitting import Fitted

_RENAMES = (
    ("layers.", "stages."),
    (".attn.", ".attn.w_msa."),
    (".mlp.fc1.", ".ffn.layers.0.0."),
    (".mlp.fc2.", ".ffn.layers.1."),
    ("patch_embed.proj.", "patch_embed.projection."),
)
_UNFOLD_ORDER = (0, 2, 1, 3)


def is_swin_authors(state: Mapping[str, Tensor]) -> bool:
    """Whether the keys are those of the authors' repository."""
    return any(key.startswith("layers.") for key in state)


def from_swin_authors(state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> Fitted:
    """Rename and re-order a checkpoint of the authors.

    Args:
        state: the file's tensors.
        model: state dict of the model, for the sizes that tables must be resized to.
    Returns:
        the tensors under mmdet's names; ignored are classification norm and head, and buffers; optional are the norms
        of the maps, which classification files lack.
    Raises:
        CheckpointError: a position table fits no size of the model.
    """
    converted, dropped = {}, []
    for key, tensor in state.items():
        if key.startswith(("head", "norm.")) or key.endswith(("relative_position_index", "attn_mask")):
            dropped.append(key)
            continue
        name = key
        for old, new in _RENAMES:
            name = name.replace(old, new, 1)
        if ".downsample." in name:
            tensor = _unfold_order(tensor)
        elif name.endswith("relative_position_bias_table") and name in model:
            tensor = resize_bias_table(tensor, model[name])
        elif name == "absolute_pos_embed" and name in model:
            tensor = square_positions(tensor, model[name])
        converted[name] = tensor
    norms = frozenset(name for name in model if name.startswith("norm") and name[4].isdigit())
    return Fitted(converted, tuple(dropped), norms)


def _unfold_order(tensor: Tensor) -> Tensor:
    # (..., 4 * C) with the 2 x 2 patch outermost -> the patch innermost
    groups = tensor.view(*tensor.shape[:-1], 4, -1)[..., _UNFOLD_ORDER, :]
    return groups.transpose(-1, -2).reshape(tensor.shape)


def resize_bias_table(table: Tensor, own: Tensor) -> Tensor:
    """A relative position bias table, ((2w-1)^2, heads), resized to the window of `own` where that differs."""
    if table.shape == own.shape or table.shape[1] != own.shape[1]:
        return table
    old, new = round(table.shape[0] ** 0.5), round(own.shape[0] ** 0.5)
    grid = table.t().reshape(1, -1, old, old)
    resized = F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    return resized.reshape(-1, new * new).t().contiguous()


def square_positions(table: Tensor, own: Tensor) -> Tensor:
    """Absolute positions as a map: (1, H*W, C) -> (1, C, H, W), the shape of `own`.

    Raises:
        CheckpointError: another number of positions or channels.
    """
    _, channels, height, width = own.shape
    if table.dim() != 3 or table.shape[1:] != (height * width, channels):
        raise CheckpointError(
            f"absolute_pos_embed of shape {tuple(table.shape)} fits no grid of {height} x {width} positions with "
            f"{channels} channels; set pretrain_img_size to the size the checkpoint was trained at"
        )
    return table.view(1, height, width, channels).permute(0, 3, 1, 2).contiguous()
