"""Where a bundle meets mmdet: the config of a target, a model built from it, its weights. Imported late."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import ExportError
from search.export.files import sha256


def read_config(path: Path) -> dict[str, Any]:
    """A config with its bases resolved, as plain containers. Runs the file, as mmdet does.

    Raises:
        ExportError: it cannot be read.
    """
    from mmcv import Config

    try:
        config = Config.fromfile(str(path))
    except Exception as error:  # a config is a program; it can raise anything
        raise ExportError(f"cannot read config {path}: {type(error).__name__}: {error}") from None
    resolved: dict[str, Any] = config._cfg_dict.to_dict()
    return resolved


def build_detector(config: Mapping[str, Any]) -> Any:
    """The model of a config, detector or classifier, with fresh weights, on the CPU.

    Raises:
        ExportError: mmdet cannot build it.
    """
    from mmcv import ConfigDict
    from mmdet.models import build_detector as build

    import models.classification_mmdet  # registers the classifiers
    import models.mmdet_adapter  # noqa: F401  # registers the backbones

    parts = ConfigDict({name: config[name] for name in ("model", "train_cfg", "test_cfg") if name in config})
    try:
        return build(parts.model, train_cfg=parts.get("train_cfg"), test_cfg=parts.get("test_cfg"))
    except Exception as error:  # whatever the constructors of registered parts raise
        raise ExportError(f"mmdet cannot build the model of the config: {type(error).__name__}: {error}") from None


def write_weights(config: Mapping[str, Any], checkpoint: Path, folder: Path, name: str) -> str:
    """Load a checkpoint strictly into the model, and save it for `load_from`; returns the file name.

    mmdet reads `.pth` only. The file holds tensors alone, ends in the first eight digits of its sha256 as OpenMMLab's
    published weights do, and has the same bytes for the same weights.

    Raises:
        ModelError: the checkpoint does not fit.
    """
    import torch

    from models.checkpoint import load_detector

    detector = build_detector(config)
    load_detector(detector, checkpoint)
    scratch = folder / "weights.tmp"
    with scratch.open("wb") as file:  # given a path, torch would write the path's name into the file
        torch.save({"meta": {}, "state_dict": dict(detector.state_dict())}, file)
    final = scratch.with_name(f"{name}-{sha256(scratch)[:8]}.pth")
    scratch.rename(final)
    return final.name


def strict_load(config_file: Path, weights: Path) -> dict[str, Any]:
    """Build the detector of a written config as mmdet would, load the weights strictly; returns its backbone's plan.

    Raises:
        ExportError: the config does not build.
        ModelError: the weights do not fit.
    """
    from models.checkpoint import load_detector

    detector = build_detector(read_config(config_file))
    load_detector(detector, weights)
    return dict(detector.backbone.plan)
