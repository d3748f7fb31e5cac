"""The built-in digits as an mmdet dataset, from any folder: `dict(type='DigitsDataset', split='train', ...)`."""

from collections.abc import Sequence
from typing import Any

from mmdet.datasets import DATASETS, CocoDataset

from samples.digits import CLASSES, ensure_digits


@DATASETS.register_module()
class DigitsDataset(CocoDataset):  # type: ignore[misc]  # mmdet is untyped
    """A split of the digits, written to the user's cache when it is first needed.

    Args:
        split: "train", "search", "confirm" or "report".
        pipeline: mmdet transforms.
        options: further arguments of mmdet's `CocoDataset`.
    """

    CLASSES = CLASSES

    def __init__(self, split: str, pipeline: Sequence[Any], **options: Any) -> None:
        folder = ensure_digits()
        super().__init__(
            str(folder / "annotations" / f"{split}.json"), pipeline, img_prefix=str(folder / split), **options
        )
