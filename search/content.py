"""Images for plans whose latency depends on them: those of the search split, as the model sees them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from latency.setting import Setting
from models.plan import Plan
from search.evaluators.classification import decode as decode_labelled
from search.evaluators.images import decode
from search.evaluators.splits import Split, open_split
from search.training import read_config

IMAGES = 64
"""Images that forwards take turns with: enough that their median hardly depends on which they are."""


def depends_on_content(backbone: Any, plans: Sequence[Plan]) -> bool:
    """Whether the latency of some plan depends on the images."""
    tell = getattr(backbone, "depends_on_content", None)
    return tell is not None and any(tell(plan) for plan in plans)


def content(config_file: Path, setting: Setting, most: int = IMAGES) -> tuple[list[Tensor], str]:
    """Batches of validation images at the setting's size, and what the record says of them.

    Images take the route of the config's test pipeline and are then resized to the setting's input size, which need not
    be theirs. The last batch is filled up from the front.

    Args:
        config_file: of the target.
        setting: batch and input size.
        most: images, from the front of the common order.
    Returns:
        (batch, 3, height, width) batches, for clips (batch, 3, frames, height, width) with every view on its own, and a
        sentence with the digest of the images.
    Raises:
        TargetError: the images cannot be read; names them.
    """
    config = read_config(config_file)
    split = open_split(config, "search", most)
    images = [_resized(image, setting.input_size) for image in _prepared(config, split)]
    images += images[: -len(images) % setting.batch]
    batches = [torch.stack(images[start : start + setting.batch]) for start in range(0, len(images), setting.batch)]
    count = len(split.positions)
    return batches, f"{count} images of the search split, sha256 {split.digest[:16]}"


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(3, height, width), or (3, frames, height, width), at another height and width."""
    frames = image[:, None] if image.dim() == 3 else image
    sized = F.interpolate(frames.transpose(0, 1), size=size, mode="bilinear", align_corners=False).transpose(0, 1)
    return sized[:, 0] if image.dim() == 3 else sized


def _prepared(config: Any, split: Split) -> list[Tensor]:
    if hasattr(split.dataset, "finish"):
        pixels = (torch.from_numpy(entry["img"]) for entry in decode_labelled(split).loaded)
        finished = (split.dataset.finish(one) for one in pixels)
        return [view for one in finished for view in (one if one.dim() == 5 else one[None])]
    from mmdet.datasets.pipelines import Compose

    pipeline = (config.data.get("search") or config.data.get("val"))["pipeline"]
    finish = Compose(pipeline[1:])
    return [finish(dict(entry))["img"][0] for entry in decode(split, pipeline).loaded]
