"""Reading checkpoints: find the weights in a file, name them as mmdet does, load them strictly."""

from argparse import Namespace
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.errors import CheckpointError
from models.fitting import FitsCheckpoints, Fitted
from models.hourglass_pickle import read_pickled_arrays

State = dict[str, Tensor]

_PREFIX = "backbone."

_SETTINGS = (OrderedDict, "yacs.config.CfgNode")
"""Trainers of the Swin family store their settings beside the weights: read as a plain mapping, and dropped."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load left alone: entries of the file that belong to other parts (heads, necks), entries left fresh."""

    ignored: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()


def read_checkpoint(path: str | Path) -> State:
    """The tensors of a `.safetensors`, `.pth` or (Mask2Former's arrays) `.pkl` file; never runs code from the file.

    A `.pth` may hold the tensors directly or under `state_dict` (mmdet) or `model` (the authors of Swin and
    STViT, beside training settings that are skipped).

    Raises:
        CheckpointError: no such file, or no checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist; give the path of a .safetensors, .pth or .pkl file")
    if path.suffix == ".pkl":
        return {name.removeprefix("module."): tensor for name, tensor in read_pickled_arrays(path).items()}
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([_SETTINGS, Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise CheckpointError(f"checkpoint {path} is damaged or no safetensors file: {error}") from None
    except Exception as error:  # torch.load raises whatever its zip and pickle readers raise
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"checkpoint {path} is damaged, or holds more than tensors and is not loaded for safety: {reason}; "
            f"convert it to .safetensors where you trust it"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    state = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, Mapping) else {}
    if not state:
        raise CheckpointError(
            f"checkpoint {path} holds no tensors; expected a state dict, bare or under 'state_dict'/'model'"
        )
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def load_backbone(backbone: nn.Module, path: str | Path) -> LoadReport:
    """Load a file in any known layout into a bare backbone, strictly.

    Known: the backbone's own layout, what its `fit_checkpoint` makes of others (those of the authors), and whole-model
    files, of which the entries under `backbone.` are taken. Index buffers may be missing, and what `fit_checkpoint`
    calls optional; nothing else may.

    Raises:
        CheckpointError: lists missing and unexpected keys, and shapes that differ.
    """
    state = read_checkpoint(path)
    rest, inner = _split(state)
    fitted = _fit(backbone, inner or state)
    fresh = load_strictly(backbone, fitted.state, str(path), _indices(backbone) | fitted.optional)
    return LoadReport((*(rest if inner else ()), *fitted.ignored), fresh)


def load_detector(detector: nn.Module, path: str | Path) -> LoadReport:
    """Load a whole-model file (backbone, neck, heads) strictly; what its backbone may lack, it may lack.

    Raises:
        CheckpointError: lists missing and unexpected keys, and shapes that differ.
    """
    state = read_checkpoint(path)
    if isinstance(detector, FitsCheckpoints):  # classifiers are released as bare backbones
        whole_model = detector.fit_checkpoint(state)
        fresh = load_strictly(detector, whole_model.state, str(path), _indices(detector) | whole_model.optional)
        return LoadReport(whole_model.ignored, fresh)
    rest, inner = _split(state)
    backbone = getattr(detector, "backbone", None)
    if not isinstance(backbone, nn.Module) or not inner:
        return LoadReport((), load_strictly(detector, state, str(path), _indices(detector)))
    fitted = _fit(backbone, inner)
    whole = rest | {_PREFIX + name: tensor for name, tensor in fitted.state.items()}
    optional = _indices(detector) | {_PREFIX + name for name in fitted.optional}
    fresh = load_strictly(detector, whole, str(path), optional)
    return LoadReport(tuple(_PREFIX + name for name in fitted.ignored), fresh)


def load_start(detector: nn.Module, path: str | Path) -> LoadReport:
    """Load what a training starts from: the backbone strictly, of neck and heads whatever has the same name and shape.

    So a detector can go on from one with other classes, but never, unnoticed, from a backbone that does not fit.

    Returns:
        entries of the file that were left out, and entries of the detector that keep their values.
    Raises:
        CheckpointError: the file's backbone does not fit, or it has none.
    """
    rest, inner = _split(read_checkpoint(path))
    backbone = getattr(detector, "backbone", None)
    if not isinstance(backbone, nn.Module) or not inner:
        raise CheckpointError(
            f"{path} holds no entries under {_PREFIX!r}, so it is no whole model; "
            f"load a bare backbone with init_cfg=dict(type='Pretrained', checkpoint={str(path)!r}) of the backbone"
        )
    fitted = _fit(backbone, inner)
    fresh = load_strictly(backbone, fitted.state, str(path), _indices(backbone) | fitted.optional)
    own = {name: tensor for name, tensor in detector.state_dict().items() if not name.startswith(_PREFIX)}
    same = {name: tensor for name, tensor in rest.items() if name in own and own[name].shape == tensor.shape}
    detector.load_state_dict(same, strict=False)
    left_out = (*(_PREFIX + name for name in fitted.ignored), *sorted(rest.keys() - same.keys()))
    return LoadReport(left_out, (*(_PREFIX + name for name in fresh), *sorted(own.keys() - same.keys())))


def _split(state: State) -> tuple[State, State]:
    """What is outside the backbone of a whole-model file, and what is inside."""
    inner = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)}
    return {name: tensor for name, tensor in state.items() if not name.startswith(_PREFIX)}, inner


def _fit(backbone: nn.Module, state: State) -> Fitted:
    return backbone.fit_checkpoint(state) if isinstance(backbone, FitsCheckpoints) else Fitted(state)


def _indices(model: nn.Module) -> set[str]:
    return {name for name in model.state_dict() if name.endswith("relative_position_index")}


def load_strictly(model: nn.Module, state: Mapping[str, Tensor], source: str, optional: set[str]) -> tuple[str, ...]:
    """Copy `state` into `model`, or change nothing and explain.

    Args:
        optional: keys that may be missing from `state`.
    Returns:
        the optional keys that were missing and keep the model's own values.
    Raises:
        CheckpointError: the two do not fit.
    """
    own: dict[str, Any] = model.state_dict()
    missing = [k for k in own if k not in state and k not in optional]
    unexpected = [k for k in state if k not in own]
    shapes = [
        f"{k}: file {tuple(state[k].shape)}, model {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    if missing or unexpected or shapes:
        raise CheckpointError(
            f"{source} does not fit {type(model).__name__}:"
            + _listing("missing keys", missing)
            + _listing("unexpected keys", unexpected)
            + _listing("different shapes", shapes)
            + "\nCheck that the model's variant and options are those the checkpoint was trained with."
        )
    model.load_state_dict({**own, **state})
    return tuple(sorted(k for k in optional if k not in state))


def _listing(title: str, entries: list[str], most: int = 12) -> str:
    if not entries:
        return ""
    rest = f"\n  ... and {len(entries) - most} more" if len(entries) > most else ""
    return f"\n{title} ({len(entries)}):" + "".join(f"\n  {entry}" for entry in entries[:most]) + rest
