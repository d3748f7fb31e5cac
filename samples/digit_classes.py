"""The built-in classification set: one handwritten digit per photo crop, one folder per class, made on demand.

    python -m samples.digit_classes                 the data set of the shipped classifier, in the user's cache
    python -m samples.digit_classes --out DIR       the same in a folder of your choice

The layout is ImageNet's, `split/class/image.jpg`. Every scan of a digit and every pixel of a photo belongs to one split
only. What makes it less than easy: digits of very different sizes anywhere in the image, turned, over photos, among
scraps of other digits that are too small to be the answer.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samples.digit_glyphs import Glyph, Scans, draw_glyph, split_scans
from samples.digits import CLASSES, SHARES, SPLITS
from samples.errors import SampleError
from samples.folders import digest_of, ensure_folder, tally, write_folder
from samples.home import data_root
from samples.photos import Photo, draw_background, split_photos

LAYOUT = 1
"""Raised whenever the same recipe would give other images."""

DIMMED = 0.6
"""Brightness of the photos, so that small models learn in minutes to look at what is bright."""


@dataclass(frozen=True, slots=True)
class ClassRecipe:
    """What decides every pixel of the data set.

    Args:
        train, search, confirm, report: images per split; a split of 0 images is not written.
        size: side of the square images in pixels.
        seed: of every random choice.
    Raises:
        SampleError: no images at all, or a side under 64 pixels.
    """

    train: int = 6000
    search: int = 512
    confirm: int = 512
    report: int = 1024
    size: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in SPLITS}
        if any(count < 0 for count in counts.values()) or not any(counts.values()):
            raise SampleError(f"images per split must be 0 or more, and not all 0; got {counts}")
        if self.size < 64:
            raise SampleError(f"size={self.size} must be at least 64 pixels a side, to hold a digit among scraps")

    @classmethod
    def of_split(cls, split: str, images: int | None = None, size: int = 128, seed: int = 0) -> "ClassRecipe":
        """One split alone; `images` None: as many as the shipped model used. Image n is the same for any number."""
        count = getattr(cls(), split) if images is None else images
        return cls(**{name: count if name == split else 0 for name in SPLITS}, size=size, seed=seed)

    def digest(self) -> str:
        """12 hexadecimal digits, different for every recipe and layout."""
        return digest_of(asdict(self), LAYOUT)


def ensure_digit_classes(recipe: ClassRecipe | None = None, root: Path | None = None) -> Path:
    """The data set's folder, written first if it is not there, checked if it is.

    Args:
        recipe: None: the recipe of the shipped model.
        root: the folder it lies in, under a name of its own; None: `data_root()`.
    Raises:
        SampleError: the folder cannot be written.
    """
    recipe = recipe or ClassRecipe()
    folder = (root or data_root()) / f"digit-classes-{recipe.digest()}"
    return ensure_folder(folder, recipe.digest(), lambda empty: fill(empty, recipe))


def fill(folder: Path, recipe: ClassRecipe) -> dict[str, dict[str, Any]]:
    """Write every split into an empty folder; returns what the manifest says of each."""
    return {name: _write_split(folder, recipe, name) for name in SPLITS if getattr(recipe, name) > 0}


def _write_split(folder: Path, recipe: ClassRecipe, split: str) -> dict[str, Any]:
    for name in CLASSES:
        (folder / split / name).mkdir(parents=True)
    pixels = hashlib.sha256()
    for number, (label, image) in enumerate(_images(recipe, split), start=1):
        # no chroma subsampling: thin strokes differ from the photo by colour
        path = folder / split / CLASSES[label] / f"{number:05d}.jpg"
        Image.fromarray(image).save(path, quality=92, subsampling=0)
        pixels.update(image.tobytes())
    return {**tally(folder, split), "pixels_sha256": pixels.hexdigest()}


def _images(recipe: ClassRecipe, split: str) -> Iterator[tuple[int, Photo]]:
    """(label, image) of one split; image n is the same however many there are."""
    scans = split_scans(SHARES, np.random.default_rng([recipe.seed, 0]))[split]
    bands = split_photos(SHARES)[split]
    for number in range(getattr(recipe, split)):
        rng = np.random.default_rng([recipe.seed, 2, SPLITS.index(split), number])
        yield draw_digit(scans, bands, recipe.size, rng)


def draw_digit(scans: Scans, bands: list[Photo], size: int, rng: np.random.Generator) -> tuple[int, Photo]:
    """One random image and its label: a bright digit over everything else, and larger than any of it.

    Args:
        scans: digits to choose from.
        bands: photos to choose from.
        size: side in pixels.
    """
    canvas = DIMMED * draw_background(bands, (size, size), rng, smallest=48).astype(np.float64)
    side = float(np.exp(rng.uniform(np.log(0.4 * size), np.log(0.8 * size))))
    for _ in range(int(rng.integers(2, 5))):
        scrap = draw_glyph(scans, side * rng.uniform(0.25, 0.45), rng, turn=180.0)
        _lay(canvas, scrap, rng.uniform(60, 220, 3), rng.uniform(0.3, 0.7), rng)
    digit = draw_glyph(scans, side, rng, turn=30.0)
    _lay(canvas, digit, rng.uniform(150, 255, 3), rng.uniform(0.7, 1.0), rng)
    noise = rng.normal(0.0, rng.uniform(0.0, 8.0), canvas.shape)
    return digit.label, np.rint(np.clip(canvas + noise, 0, 255)).astype(np.uint8)


def _lay(
    canvas: NDArray[np.float64], glyph: Glyph, colour: NDArray[np.float64], opacity: float, rng: np.random.Generator
) -> None:
    """Blend a glyph in at a random place, all of it inside the canvas where it fits."""
    height, width = (min(a, b) for a, b in zip(glyph.mask.shape, canvas.shape[:2], strict=True))
    top, left = (int(rng.integers(a - b + 1)) for a, b in zip(canvas.shape[:2], (height, width), strict=True))
    window = canvas[top : top + height, left : left + width]
    window += opacity * glyph.alpha[:height, :width, None] * (colour - window)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m samples.digit_classes", description=(__doc__ or "").split("\n")[0])
    default = ClassRecipe()
    parser.add_argument("--out", type=Path, help="folder to write; default: the user's cache")
    for name in (*SPLITS, "size", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(default, name), help="default %(default)s")
    chosen = parser.parse_args(arguments)
    try:
        recipe = ClassRecipe(**{name: getattr(chosen, name) for name in (*SPLITS, "size", "seed")})
        if chosen.out is None:
            print(ensure_digit_classes(recipe))
        else:
            write_folder(chosen.out, recipe.digest(), lambda empty: fill(empty, recipe))
            print(chosen.out)
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
