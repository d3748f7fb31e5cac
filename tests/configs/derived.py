"""A config as a user would change it to try it out: the same model and pipelines, on a little of the built-in data.

What is derived trains one iteration on two small images, and is tested on two others.
"""

import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samples.digits import CLASSES
from samples.moving_digit_clips import MOTIONS
from search.pipelines import input_size
from search.tasks import Kind, kind_of_model
from search.training import read_config

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
SIDE = 96
"""Pixels of the short side of test images; those that are smaller as it is stay."""

IN_PIXELS = ("img_scale", "crop_size", "size")
"""What steps of pipelines call lengths."""

SPLITS = {"train": "train", "val": "confirm", "test": "report"}
"""Which split of the built-in data a part of a config gets; other parts have the name of theirs."""


@dataclass(frozen=True)
class BuiltIn:
    """A little of the built-in data of a task.

    Args:
        arguments: of the data set in a config.
        classes: how many there are.
        files: pattern of what one can look at.
    """

    arguments: Mapping[str, Any]
    classes: int
    files: str


DATA: Mapping[Kind, BuiltIn] = {
    "detection": BuiltIn(
        {"type": "DigitsDataset", "images": 2, "size": (SIDE, SIDE)}, len(CLASSES), "digits-*/report/*.jpg"
    ),
    "classification": BuiltIn(
        {"type": "DigitClasses", "images": 2, "size": SIDE}, len(CLASSES), "digit-classes-*/report/*/*.jpg"
    ),
    "video": BuiltIn({"type": "MovingDigits", "clips": 2, "size": SIDE}, len(MOTIONS), "moving-digits-*/report/*.mp4"),
}


def all_configs() -> list[Path]:
    """Every config that is no base."""
    paths = CONFIGS.rglob("*.py")
    return sorted(path for path in paths if "_base_" not in path.parts and path.name != "__init__.py")


def derive(path: Path, root: Path) -> tuple[str, BuiltIn]:
    """The text of a config that is based on another one, and the data it names.

    Args:
        path: of the other one.
        root: folder that the data is written to.
    """
    config = read_config(path)
    data = DATA[kind_of_model(config.model.type)]
    tested = input_size(config.data.test)
    assert tested is not None, f"{path} does not say how large its images are"
    shrink = max(1.0, min(tested) / SIDE)
    parts = {
        name: {**_less(part, shrink), **data.arguments, "split": SPLITS.get(name, name), "root": str(root)}
        for name, part in config.data.to_dict().items()
        if isinstance(part, Mapping) and "pipeline" in part
    }
    model = _counting(config.model.to_dict(), data.classes)
    if config.model.backbone.get("init_cfg"):
        model.setdefault("backbone", {})["init_cfg"] = None
    start = config.get("load_from")
    changes = {
        "model": model,
        "data": {"_delete_": True, "samples_per_gpu": 2, "workers_per_gpu": 0, **parts},
        "runner": {"max_epochs": 1},
        "evaluation": {"interval": 1},
        # most starting points are results of other configs, or weights that are not shipped
        "load_from": str(ROOT / start) if start and (ROOT / start).is_file() else None,
    }
    lines = [f"{name} = {pprint.pformat(value, width=120, sort_dicts=False)}\n" for name, value in changes.items()]
    return "".join([f"_base_ = {str(path)!r}\n", *lines]), data


def _counting(model: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """Every `num_classes` of a model, with the way there; the heads of a cascade can only be given whole."""
    changes: dict[str, Any] = {}
    for name, value in model.items():
        if name == "num_classes":
            changes[name] = classes
        elif isinstance(value, Mapping) and (inner := _counting(value, classes)):
            changes[name] = inner
        elif name == "bbox_head" and isinstance(value, list):
            changes[name] = [{**head, "num_classes": classes} for head in value]
    return changes


def _less(part: Mapping[str, Any], shrink: float) -> dict[str, Any]:
    """What stays of `data.train` or another part: its pipeline on smaller images, one clip of each video."""
    kept = {name: part[name] for name in ("pipeline", "repeats") if name in part}
    if "sampling" in part:
        kept["sampling"] = {**part["sampling"], "num_clips": 1}
    return {name: _shrunk(value, shrink) for name, value in kept.items()}


def _shrunk(value: Any, by: float, in_pixels: bool = False) -> Any:
    """Lengths divided, in a pipeline or a part of it."""
    if isinstance(value, Mapping):
        return {name: _shrunk(one, by, name in IN_PIXELS) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_shrunk(one, by, in_pixels) for one in value)
    return round(value / by) if in_pixels else value
