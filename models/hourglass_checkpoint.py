"""Files of other Swin transformers, fitted to an hourglass backbone: every released layout is a dense one.

Known: the authors' layout (Video Swin, Mask2Former, DINO, MaskDINO, ImageNet), mmdet's layout (SparseViT), and
files of images for a backbone of clips, which are inflated.
Source: the released key lists; inflation: arXiv 2106.13230, section 3.3.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from models.fitting import Fitted
from models.hourglass_geometry import HourglassGeometry
from models.swin_convert import resize_bias_table

_FROM_MMDET = (
    ("stages.", "layers."),
    (".attn.w_msa.", ".attn."),
    (".ffn.layers.0.0.", ".mlp.fc1."),
    (".ffn.layers.1.", ".mlp.fc2."),
    ("patch_embed.projection.", "patch_embed.proj."),
)
_UNFOLD_ORDER = (0, 2, 1, 3)
_DERIVED = ("relative_position_index", "attn_mask")
_HEADS = ("head.", "cls_head.", "fc_cls.")
_NORM = re.compile(r"norm\d*\.(weight|bias)")


def fit_swin(state: Mapping[str, Tensor], own: Mapping[str, Tensor], geometry: HourglassGeometry) -> Fitted:
    """Rename, re-order, inflate and drop what belongs to heads or follows from sizes.

    A file whose output norms belong to another task leaves those of the model fresh: a classifier has one behind its
    last stage, a detector one behind every stage that it puts out.

    Args:
        state: the file's tensors, without a prefix `backbone.`.
        own: state dict of the backbone.
        geometry: of the backbone.
    """
    ignored = [name for name in state if name.endswith(_DERIVED) or name.startswith(_HEADS)]
    kept = {name: tensor for name, tensor in state.items() if name not in ignored}
    if any(name.startswith("stages.") for name in kept):
        kept = {_renamed(name): _merging_of_authors(name, tensor) for name, tensor in kept.items()}
    norms = {name for name in own if _NORM.fullmatch(name)}
    foreign = [name for name in kept if _NORM.fullmatch(name) and name not in norms]
    patches = "patch_embed.proj.weight"
    of_images = patches in kept and kept[patches].dim() == 4
    inflated = of_images and own[patches].dim() == 5
    fitted = {}
    for name, tensor in kept.items():
        if name in foreign:
            continue
        if inflated and name == patches:
            frames = own[name].shape[2]
            tensor = tensor.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames
        elif name.endswith("relative_position_bias_table") and name in own and of_images:
            tensor = _table(tensor, own[name], geometry)
        fitted[name] = tensor
    # which norms a file has tells what it was trained for
    another_task = foreign and not norms <= set(fitted)
    return Fitted(fitted, tuple(ignored + foreign), frozenset(norms if another_task else ()))


def _table(table: Tensor, own: Tensor, geometry: HourglassGeometry) -> Tensor:
    """A table of images, resized to the window's rows and columns and repeated for every offset in time."""
    offsets = 2 * geometry.window[0] - 1
    return resize_bias_table(table, own[: own.shape[0] // offsets]).repeat(offsets, 1)


def _renamed(name: str) -> str:
    for mmdet, authors in _FROM_MMDET:
        name = name.replace(mmdet, authors, 1)
    return name


def _merging_of_authors(name: str, tensor: Tensor) -> Tensor:
    """Merging weights, (..., 4C) with the 2 x 2 patch innermost as `nn.Unfold` does -> the patch outermost."""
    if ".downsample." not in name:
        return tensor
    patches = tensor.view(*tensor.shape[:-1], -1, 4).transpose(-1, -2)[..., _UNFOLD_ORDER, :]
    return patches.reshape(tensor.shape)
