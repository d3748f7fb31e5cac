"""The built-in digits as an mmdet dataset: `dict(type='DigitsDataset', split='train', pipeline=...)`, from any folder."""

from dataclasses import replace
from typing import Any

from mmdet.datasets import DATASETS, CocoDataset

from samples.digits import CLASSES, DigitsSpec, ensure_split


@DATASETS.register_module()
class DigitsDataset(CocoDataset):  # type: ignore[misc]  # mmdet is untyped
    """A split of the digits, written to the user's cache when it is first needed.

    Args:
        split: "train", "search", "confirm" or "report".
        pipeline: mmdet transforms.
        size: side of the images in pixels.
        images: how many images; None means the default of the split.
        options: further arguments of mmdet's `CocoDataset`.
    """

    CLASSES = CLASSES

    def __init__(
        self, split: str, pipeline: list[Any], size: int = 336, images: int | None = None, **options: Any
    ) -> None:
        spec = DigitsSpec(size=size)
        if images is not None:
            spec = replace(spec, counts={**spec.counts, split: images})
        folder = ensure_split(split, spec)
        super().__init__(str(folder / "annotations.json"), pipeline, img_prefix=str(folder), **options)
