"""The built-in digits for mmdet configs: `dict(type='DigitsDataset', split='train', pipeline=[...])`.

Importing this module registers the data set. A split is written the first time it is used on a machine, so a config
that names it works anywhere.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets.builder import DATASETS
from mmdet.datasets.coco import CocoDataset

from samples.digits import CLASSES, SPLITS, Recipe, ensure_digits
from samples.errors import SampleError


@DATASETS.register_module()
class DigitsDataset(CocoDataset):  # type: ignore[misc]  # mmdet is untyped
    """One split of the handwritten digits, as mmdet's COCO data set.

    Args:
        split: "train", "search", "confirm" or "report".
        images: how many; None: as many as the shipped model used. Image n is the same for any number.
        size: (height, width) of the images in pixels.
        seed: of every random choice.
        root: folder that holds the data; None: the user's cache.
        options: arguments of mmdet's `CocoDataset` (`pipeline`, `test_mode`, ...), files excepted.
    Raises:
        SampleError: no such split, or the data cannot be written.
    """

    CLASSES = CLASSES

    def __init__(
        self,
        split: str,
        images: int | None = None,
        size: Sequence[int] = (336, 336),
        seed: int = 0,
        root: str | None = None,
        **options: Any,
    ) -> None:
        if split not in SPLITS:
            raise SampleError(f"split={split!r} is unknown; choose one of {', '.join(SPLITS)}")
        recipe = Recipe.of_split(split, images, (size[0], size[1]), seed)
        folder = ensure_digits(recipe, None if root is None else Path(root))
        files = {"ann_file": str(folder / "annotations" / f"{split}.json"), "img_prefix": str(folder / split)}
        super().__init__(**{**options, **files})
