"""Images in ImageNet's layout: one folder per class, named after it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.datasets.builder import DATASETS
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from search.datasets.labelled import Labelled, Sample
from search.errors import TargetError

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})


@DATASETS.register_module()
class ImageFolder(Labelled):
    """`dict(type='ImageFolder', data_prefix='data/imagenet/train', pipeline=[...])` in configs.

    Args:
        data_prefix: the folder that holds the class folders.
        pipeline: see `search.datasets.transforms`.
        classes: names of the class folders in label order, or a file with one a line; None: all folders, sorted.
        test_mode, repeats: see `Labelled`.
        allow_empty: accept class folders without images, as small parts of a set may have.
    Raises:
        TargetError: no such folder, a class without a folder or without images; names it.
    """

    def __init__(
        self,
        data_prefix: str,
        pipeline: Sequence[Mapping[str, Any]],
        classes: Sequence[str] | str | None = None,
        test_mode: bool = False,
        repeats: int = 1,
        allow_empty: bool = False,
    ) -> None:
        folder = Path(data_prefix)
        if not folder.is_dir():
            raise TargetError(f"image folder {folder} does not exist; give the folder that holds one folder per class")
        names = _class_names(folder, classes)
        samples = [
            Sample(f"{name}/{file}", label)
            for label, name in enumerate(names)
            for file in _images(folder / name, allow_empty)
        ]
        if not samples:
            raise TargetError(f"image folder {folder} has no images; copy them")
        super().__init__(folder, samples, names, pipeline, None, test_mode, repeats)

    def decode(self, place: int) -> Tensor:
        """See `Labelled.decode`; (3, height, width)."""
        path = self.folder / self.samples[place].name
        try:
            with Image.open(path) as image:
                pixels = np.array(image.convert("RGB"))
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise TargetError(f"image {path} cannot be decoded: {error}; copy it again or remove it") from None
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _class_names(folder: Path, classes: Sequence[str] | str | None) -> list[str]:
    there = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    if classes is None:
        if not there:
            raise TargetError(f"image folder {folder} has no class folders; expected {folder}/CLASS/IMAGE.jpg")
        return there
    if isinstance(classes, str):
        if not Path(classes).is_file():
            raise TargetError(f"file of class names {classes} does not exist; correct the path")
        classes = Path(classes).read_text(encoding="utf-8").split("\n")
    names = [name.strip() for name in classes if name.strip()]
    if missing := [name for name in names if name not in set(there)]:
        rest = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise TargetError(f"class folder {folder / missing[0]} is missing{rest}; copy it or correct `classes`")
    return names


def _images(folder: Path, allow_empty: bool) -> list[str]:
    files = sorted(entry.name for entry in os.scandir(folder) if Path(entry.name).suffix.lower() in ENDINGS)
    if not files and not allow_empty:
        raise TargetError(f"class folder {folder} has no images; copy them or remove the folder")
    return files
