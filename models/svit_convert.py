"""Checkpoints of ViT-Adapter and SViT: the dense names under those of the sparse blocks, and DeiT's ImageNet files.

Source: key lists of the released COCO detectors and of DeiT (arXiv 2012.12877).
"""

import math
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from models.errors import CheckpointError
from models.fitting import Fitted

_BLOCK = re.compile(r"^((?:backbone\.)?blocks\.\d+\.)(.+)$")

_INSIDE = (
    ("attn.qkv.weight", "self_attn.in_proj_weight"),
    ("attn.qkv.bias", "self_attn.in_proj_bias"),
    ("attn.proj.", "self_attn.out_proj."),
    ("mlp.fc1.", "linear1."),
    ("mlp.fc2.", "linear2."),
)
"""Parts of a dense block, and what a sparse one calls them; norms have the same names."""

_SPARSE = ("TransformerEncoderLayer.", "selective_modules.")

_CLASSIFIER = ("cls_token", "dist_token", "norm.", "head.", "head_dist.")
"""What only a classification file has."""

_ADAPTER = ("level_embed", "spm.", "interactions.", "up.", "norm1.", "norm2.", "norm3.", "norm4.")


def convert_dense(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a dense file, of a backbone or of a whole detector, under SViT's names.

    Its selectors are not in it, and start fresh.

    Raises:
        CheckpointError: the file is an SViT's already, or its blocks hold what a sparse block has no place for.
    """
    done = [name for name in state if any(part in name for part in _SPARSE)]
    if done:
        raise CheckpointError(
            f"this file has the names of an SViT already, such as {done[0]!r}; converting it again would damage it. "
            f"Load it as it is"
        )
    scaled = [name for name in state if name.endswith((".gamma1", ".gamma2")) and _BLOCK.match(name)]
    if scaled:
        raise CheckpointError(
            f"{scaled[0]!r}: the blocks of this file are scaled per channel, as those of the variants with window "
            f"attention are, and no SViT's; convert a ViT-Adapter with global attention"
        )
    if not any(_BLOCK.match(name) for name in state):
        raise CheckpointError(
            f"this file has no blocks of a vision transformer; its entries start with {list(state)[:3]}"
        )
    return {_converted(name): tensor for name, tensor in state.items()}


def fit_sparse(state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> Fitted:
    """Fit a file to an SViT: its own names, those of its dense parent, or DeiT's.

    Args:
        state: the file's tensors, without a detector's prefix.
        model: state dict of the backbone.
    Raises:
        CheckpointError: a dense file whose blocks differ in more than their names.
    """
    selectors = {name for name in model if name.startswith("selective_modules.")}
    if _is_sparse(state):
        # a file that was only converted has none of them
        none = not any(name.startswith("selective_modules.") for name in state)
        return Fitted(dict(state), (), frozenset(selectors if none else ()))
    fitted = _fit(state, model)
    return Fitted(convert_dense(fitted.state), fitted.ignored, fitted.optional | selectors)


def fit_dense(state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> Fitted:
    """Fit a file to a dense ViT-Adapter: its own names, or DeiT's.

    Raises:
        CheckpointError: the file is an SViT's.
    """
    if _is_sparse(state):
        raise CheckpointError(
            "this is the file of an SViT, with selectors; build an SViT (svit_adapter_...) for it, not a ViTAdapter. "
            "Under an empty plan it processes every token"
        )
    return _fit(state, model)


def _is_sparse(state: Mapping[str, Tensor]) -> bool:
    return any(part in name for name in state for part in _SPARSE)


def _fit(state: Mapping[str, Tensor], model: Mapping[str, Tensor]) -> Fitted:
    if any(name.startswith(("spm.", "interactions.")) for name in state):
        return Fitted(dict(state))
    # a classifier's file: it lacks the adapter, and scales of blocks start at 1
    fitted = {name: tensor for name, tensor in state.items() if not name.startswith(_CLASSIFIER)}
    if "pos_embed" in fitted:
        fitted["pos_embed"] = resize_positions(fitted["pos_embed"], model["pos_embed"])
    fresh = {name for name in model if name.startswith(_ADAPTER) or name.endswith((".gamma1", ".gamma2"))}
    return Fitted(fitted, tuple(name for name in state if name not in fitted), frozenset(fresh - set(fitted)))


def resize_positions(table: Tensor, like: Tensor) -> Tensor:
    """A square table of positions at another size: (1, 1 + g * g, C), the first row for a class token.

    Raises:
        CheckpointError: the table is not square.
    """
    if table.shape == like.shape or table.dim() != 3 or table.shape[2] != like.shape[2]:
        return table  # for strict loading to complain about
    old, new = (math.isqrt(positions.shape[1] - 1) for positions in (table, like))
    if old**2 != table.shape[1] - 1:
        raise CheckpointError(f"pos_embed of shape {tuple(table.shape)} is no square of positions and a class token")
    square = table[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2).float()
    resized = F.interpolate(square, size=(new, new), mode="bicubic", align_corners=False)
    rows = resized.flatten(2).transpose(1, 2).to(table.dtype)
    return torch.cat((table[:, :1], rows), 1)


def _converted(name: str) -> str:
    found = _BLOCK.match(name)
    if found is None:
        return name
    inside = found[2]
    for dense, sparse in _INSIDE:
        if inside.startswith(dense):
            inside = sparse + inside.removeprefix(dense)
            break
    return f"{found[1]}TransformerEncoderLayer.{inside}"
