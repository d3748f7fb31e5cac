"""The built-in detection and instance segmentation set: real handwritten digits on real photos, made on demand.

    python -m samples.digits                 the data set of the shipped model, in the user's cache
    python -m samples.digits --out DIR       the same in a folder of your choice
    python -m samples.digits --out DIR --train 200 --search 20 --confirm 20 --report 20 --size 224

Every scan of a digit and every pixel of a photo belongs to one split only, so that a search cannot select on what it
is later confirmed or reported on.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samples.coco import write_split
from samples.digit_glyphs import split_scans
from samples.digit_scenes import Scene, draw_scene
from samples.errors import SampleError
from samples.folders import appear, digest_of
from samples.home import data_root
from samples.photos import split_photos

CLASSES = tuple(str(digit) for digit in range(10))
SPLITS = ("train", "search", "confirm", "report")
SHARES = {"train": 0.55, "search": 0.15, "confirm": 0.15, "report": 0.15}
"""Part of the scans and of the photos' width that each split draws from."""
FORMAT = 1
"""Raised whenever the same recipe would give other images."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides every pixel of the data set.

    Args:
        train, search, confirm, report: images per split; a split of 0 images is not written.
        size: (height, width) in pixels.
        seed: of every random choice.
    Raises:
        SampleError: no images at all, or a side under 64 pixels.
    """

    train: int = 1600
    search: int = 128
    confirm: int = 128
    report: int = 256
    size: tuple[int, int] = (336, 336)
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in SPLITS}
        if any(count < 0 for count in counts.values()) or not any(counts.values()):
            raise SampleError(f"images per split must be 0 or more, and not all 0; got {counts}")
        if min(self.size) < 64:
            raise SampleError(f"size={self.size} must be at least 64 pixels a side, to hold digits of up to 60 pixels")

    @classmethod
    def of_split(
        cls, split: str, images: int | None = None, size: tuple[int, int] = (336, 336), seed: int = 0
    ) -> "Recipe":
        """One split alone; `images` None: as many as the shipped model used. Image n is the same for any number."""
        count = getattr(cls(), split) if images is None else images
        return cls(**{name: count if name == split else 0 for name in SPLITS}, size=size, seed=seed)

    def digest(self) -> str:
        """12 hexadecimal digits, different for every recipe and format."""
        return digest_of(asdict(self), FORMAT)


def ensure_digits(recipe: Recipe | None = None, root: Path | None = None) -> Path:
    """The data set's folder, written first if it is not there, checked if it is.

    Args:
        recipe: None: the recipe of the shipped model.
        root: the folder it lies in, under a name of its own; None: `data_root()`.
    Raises:
        SampleError: the folder cannot be written.
    """
    recipe = recipe or Recipe()
    folder = (root or data_root()) / f"digits-{recipe.digest()}"
    if not is_complete(folder, recipe):
        write_digits(folder, recipe, replace=True)
    return folder


def is_complete(folder: Path, recipe: Recipe) -> bool:
    """Whether the folder holds what `write_digits` wrote for this recipe: manifest, annotations and all images."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["digest"] != recipe.digest():
            return False
        for name, split in manifest["splits"].items():
            content = (folder / "annotations" / f"{name}.json").read_bytes()
            if hashlib.sha256(content).hexdigest() != split["annotations_sha256"]:
                return False
            sizes = [entry.stat().st_size for entry in os.scandir(folder / name) if entry.name.endswith(".jpg")]
            if len(sizes) != split["images"] or sum(sizes) != split["bytes"]:
                return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def write_digits(folder: Path, recipe: Recipe, replace: bool = False) -> dict[str, Any]:
    """Write the data set; the folder appears whole or not at all. Returns the manifest.

    Raises:
        SampleError: the folder exists and `replace` is false, or it cannot be written.
    """
    manifest: dict[str, Any] = {}
    appear(
        folder,
        lambda empty: manifest.update(_write_into(empty, recipe)),
        lambda there: is_complete(there, recipe),
        replace,
    )
    return manifest


def _write_into(folder: Path, recipe: Recipe) -> dict[str, Any]:
    splits = {
        name: write_split(_scenes(recipe, name), folder, name, CLASSES) for name in SPLITS if getattr(recipe, name) > 0
    }
    manifest = {"digest": recipe.digest(), "recipe": {**asdict(recipe), "format": FORMAT}, "splits": splits}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return manifest


def _scenes(recipe: Recipe, split: str) -> Iterator[Scene]:
    """The images of one split; image n is the same however many there are."""
    scans = split_scans(SHARES, np.random.default_rng([recipe.seed, 0]))[split]
    bands = split_photos(SHARES)[split]
    for number in range(getattr(recipe, split)):
        rng = np.random.default_rng([recipe.seed, 1, SPLITS.index(split), number])
        yield draw_scene(scans, bands, recipe.size, rng)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m samples.digits", description=(__doc__ or "").splitlines()[0])
    default = Recipe()
    parser.add_argument("--out", type=Path, help="folder to write; default: the user's cache")
    for name in SPLITS:
        parser.add_argument(f"--{name}", type=int, default=getattr(default, name), help="images (default %(default)s)")
    parser.add_argument("--size", type=int, default=default.size[0], help="side in pixels (default %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed)
    chosen = parser.parse_args(arguments)
    try:
        counts = {name: getattr(chosen, name) for name in SPLITS}
        recipe = Recipe(**counts, size=(chosen.size, chosen.size), seed=chosen.seed)
        if chosen.out is None:
            print(ensure_digits(recipe))
        else:
            write_digits(chosen.out, recipe)
            print(chosen.out)
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
