"""The built-in sets in configs: `dict(type='DigitClasses', split='train', pipeline=[...])`, and `MovingDigits`.

A split is written the first time it is used on a machine, so a config that names one works anywhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets.builder import DATASETS

from samples.digit_classes import ClassRecipe, ensure_digit_classes
from samples.digits import CLASSES, SPLITS
from samples.moving_digit_clips import MOTIONS
from samples.moving_digits import ClipRecipe, ensure_moving_digits
from search.datasets.image_folder import ImageFolder
from search.datasets.video_list import VideoList
from search.errors import TargetError


@DATASETS.register_module()
class DigitClasses(ImageFolder):
    """One split of the handwritten digits on photos.

    Args:
        split: "train", "search", "confirm" or "report".
        images: how many; None: as many as the shipped model used. Image n is the same for any number.
        size: side in pixels.
        seed: of every random choice.
        root: folder that holds the data; None: the user's cache.
        options: arguments of `ImageFolder`, folder and classes excepted.
    Raises:
        TargetError: no such split.
        SampleError: the data cannot be written.
    """

    def __init__(
        self,
        split: str,
        images: int | None = None,
        size: int = 128,
        seed: int = 0,
        root: str | None = None,
        **options: Any,
    ) -> None:
        _check(split)
        recipe = ClassRecipe.of_split(split, images, size, seed)
        folder = ensure_digit_classes(recipe, None if root is None else Path(root))
        super().__init__(str(folder / split), classes=CLASSES, allow_empty=True, **options)


@DATASETS.register_module()
class MovingDigits(VideoList):
    """One split of the clips of moving digits.

    Args:
        split: "train", "search", "confirm" or "report".
        clips: how many; None: as many as the shipped model used. Clip n is the same for any number.
        frames, size: of a clip: its length, and its side in pixels.
        seed: of every random choice.
        root: folder that holds the data; None: the user's cache.
        sampling, pipeline, options: arguments of `VideoList`, list and classes excepted.
    Raises:
        TargetError: no such split.
        SampleError: the data cannot be written.
    """

    def __init__(
        self,
        split: str,
        sampling: Mapping[str, Any],
        pipeline: Sequence[Mapping[str, Any]],
        clips: int | None = None,
        frames: int = 16,
        size: int = 64,
        seed: int = 0,
        root: str | None = None,
        **options: Any,
    ) -> None:
        _check(split)
        recipe = ClipRecipe.of_split(split, clips, frames, size, seed)
        folder = ensure_moving_digits(recipe, None if root is None else Path(root))
        super().__init__(str(folder / f"{split}.txt"), sampling, pipeline, str(folder), MOTIONS, **options)


def _check(split: str) -> None:
    if split not in SPLITS:
        raise TargetError(f"split={split!r} is unknown; choose one of {', '.join(SPLITS)}")
