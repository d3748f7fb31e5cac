"""Handwritten digits on photographs: a COCO-format detection and instance-segmentation set, written in seconds.

The digits (8 x 8 pixels, from the UCI handwritten digits) and the two photographs ship with scikit-learn. Digits are
enlarged, turned, coloured and pasted over crops of the photographs, so that most of every image is background. No
digit and no part of a photograph that training sees occurs in the other splits.

    python -m samples.digits --out DIR [--size 336] [--split search]
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CLASSES = tuple("0123456789")
SPLITS: Mapping[str, tuple[float, float]] = {
    "train": (0.0, 0.7),
    "search": (0.7, 0.8),
    "confirm": (0.8, 0.9),
    "report": (0.9, 1.0),
}
"""The share of the digit writers' samples that each split draws from; they do not overlap."""

VERSION = 1
Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DigitsSpec:
    """What fully determines the files.

    Args:
        size: side of every image in pixels.
        counts: images per split.
        digit_side: smallest and largest side of a digit in pixels.
        turn: largest rotation in degrees; small enough that 6 and 9 stay themselves.
        seed: of everything random.
    """

    size: int = 336
    counts: Mapping[str, int] = field(
        default_factory=lambda: {"train": 1200, "search": 96, "confirm": 96, "report": 128}
    )
    digit_side: tuple[float, float] = (34.0, 84.0)
    turn: float = 25.0
    seed: int = 0

    def digest(self, split: str) -> str:
        """Names the files of one split: equal digests mean equal images."""
        identity = {**asdict(self), "counts": self.counts[split], "split": split, "version": VERSION}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def data_root() -> Path:
    """Where data sets are kept: `$SPARSEARCH_DATA`, or `sparsearch/data` in the user's cache folder."""
    chosen = os.environ.get("SPARSEARCH_DATA")
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(chosen) if chosen else Path(cache) / "sparsearch" / "data"


def ensure_split(split: str, spec: DigitsSpec | None = None, root: Path | None = None) -> Path:
    """The folder of a split, written first if it is not there: `annotations.json` and `images/`.

    Written beside and renamed, so that a folder that exists is complete.

    Raises:
        ValueError: no such split.
    """
    spec = spec or DigitsSpec()
    if split not in SPLITS or split not in spec.counts:
        raise ValueError(f"split={split!r} must be one of {', '.join(SPLITS)}")
    folder = (root or data_root()) / f"digits-{spec.size}-{split}-{spec.digest(split)}"
    if (folder / "annotations.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_split(scratch, split, spec)
        os.rename(scratch, folder)
    except OSError:
        # another process may have finished the same folder first
        if not (folder / "annotations.json").is_file():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write_split(folder: Path, split: str, spec: DigitsSpec) -> None:
    from sklearn.datasets import load_digits, load_sample_images

    digits = load_digits()
    order = np.random.default_rng(7).permutation(len(digits.target))
    first, last = (int(share * len(order)) for share in SPLITS[split])
    pool = order[first:last]
    # training sees the left halves of the photographs, everything else the right halves
    photos = [
        photo[:, : photo.shape[1] // 2] if split == "train" else photo[:, photo.shape[1] // 2 :]
        for photo in load_sample_images().images
    ]
    (folder / "images").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(spec.counts[split]):
        rng = np.random.default_rng([spec.seed, list(SPLITS).index(split), number])
        canvas = _background(rng, photos, spec.size)
        masks: list[NDArray[np.bool_]] = []
        labels: list[int] = []
        for _ in range(max(1, round(rng.integers(2, 8) * (spec.size / 336) ** 2))):
            chosen = pool[rng.integers(len(pool))]
            canvas, mask = _paste(rng, canvas, digits.images[chosen] / 16.0, spec)
            masks = [below & ~mask for below in masks] + [mask]
            labels.append(int(digits.target[chosen]))
        name = f"images/{number:05d}.jpg"
        pixels = np.clip(canvas, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / name), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        images.append({"id": number, "file_name": name, "width": spec.size, "height": spec.size})
        for mask, label in zip(masks, labels, strict=True):
            # what is all but hidden under later digits is not asked for
            if mask.sum() >= 60:
                annotations.append(_annotation(mask, label, number, len(annotations) + 1))
    categories = [{"id": digit + 1, "name": name} for digit, name in enumerate(CLASSES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))


def _background(rng: np.random.Generator, photos: list[NDArray[np.uint8]], size: int) -> Image:
    photo = photos[rng.integers(len(photos))]
    height, width = photo.shape[:2]
    side = int(rng.integers(120, min(height, width) + 1))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    crop = cv2.resize(photo[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_LINEAR)
    mirrored = crop[:, ::-1] if rng.random() < 0.5 else crop
    return mirrored.astype(np.float32)


def _paste(
    rng: np.random.Generator, canvas: Image, digit: NDArray[np.float64], spec: DigitsSpec
) -> tuple[Image, NDArray[np.bool_]]:
    """Blend one digit over the canvas; returns the new canvas and the digit's mask, both (size, size, ...)."""
    side, turn = float(rng.uniform(*spec.digit_side)), float(rng.uniform(-spec.turn, spec.turn))
    x, y = rng.uniform(side / 2, spec.size - side / 2, 2)
    glyph = np.pad(digit, 2).astype(np.float32)
    middle = (glyph.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn, side / 8)
    matrix[:, 2] += (x - middle, y - middle)
    ink = cv2.warpAffine(glyph, matrix, (spec.size, spec.size), flags=cv2.INTER_CUBIC)
    alpha = np.clip((ink - 0.25) * 3, 0, 1)
    mask = alpha > 0.5
    colour = rng.uniform(0, 255, 3)
    behind = float(canvas[mask].mean()) if mask.any() else 0.0
    # ink that would vanish in its background is made clearly darker or lighter
    if abs(colour.mean() - behind) < 60:
        colour = colour * 0.3 if behind > 127 else 255 - (255 - colour) * 0.3
    blended = canvas * (1 - alpha[..., None]) + colour.astype(np.float32) * alpha[..., None]
    return blended.astype(np.float32), mask


def _annotation(mask: NDArray[np.bool_], label: int, image: int, number: int) -> dict[str, Any]:
    from pycocotools import mask as coco_mask

    rows, columns = np.where(mask)
    left, top = int(columns.min()), int(rows.min())
    run_lengths = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "id": number,
        "image_id": image,
        "category_id": label + 1,
        "bbox": [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top],
        "area": int(mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": run_lengths["size"], "counts": run_lengths["counts"].decode()},
    }


def main() -> None:
    """Command line: write splits and print their folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=data_root(), help="folder to write below (default: %(default)s)")
    parser.add_argument("--size", type=int, default=336, help="side of the images in pixels")
    parser.add_argument("--split", choices=SPLITS, action="append", help="only this split; may be repeated")
    arguments = parser.parse_args()
    for split in arguments.split or SPLITS:
        print(ensure_split(split, DigitsSpec(size=arguments.size), arguments.out))


if __name__ == "__main__":
    main()
