"""The built-in video set: short encoded clips of a moving digit, labelled by its motion, made on demand.

    python -m samples.moving_digits                 the data set of the shipped classifier, in the user's cache
    python -m samples.moving_digits --out DIR       the same in a folder of your choice

The layout is that of the Kinetics recipes: video files, and per split a list `split.txt` of lines `path label`. Every
scan of a digit and every pixel of a photo belongs to one split only.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from samples.digit_glyphs import split_scans
from samples.digits import SHARES, SPLITS
from samples.errors import SampleError
from samples.folders import digest_of, ensure_folder, tally, write_folder
from samples.home import data_root
from samples.moving_digit_clips import MOTIONS, draw_clip
from samples.photos import split_photos

LAYOUT = 1
"""Raised whenever the same recipe would give other clips."""

CODEC, BITS_PER_SECOND, FRAMES_PER_SECOND = "mpeg4", 800_000, 8
"""MPEG-4 part 2 is in every build of FFmpeg; the rate leaves a digit's edge where it is."""


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    """What decides every clip of the data set.

    Args:
        train, search, confirm, report: clips per split; a split of 0 clips is not written.
        frames: length of a clip.
        size: side of the square frames in pixels; even, as encoders ask.
        seed: of every random choice.
    Raises:
        SampleError: no clips at all, a side that is odd or under 32 pixels, or fewer than 2 frames.
    """

    train: int = 2000
    search: int = 256
    confirm: int = 256
    report: int = 512
    frames: int = 16
    size: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in SPLITS}
        if any(count < 0 for count in counts.values()) or not any(counts.values()):
            raise SampleError(f"clips per split must be 0 or more, and not all 0; got {counts}")
        if self.size < 32 or self.size % 2:
            raise SampleError(f"size={self.size} must be even and at least 32 pixels a side")
        if self.frames < 2:
            raise SampleError(f"frames={self.frames} must be at least 2, to show a motion")

    @classmethod
    def of_split(
        cls, split: str, clips: int | None = None, frames: int = 16, size: int = 64, seed: int = 0
    ) -> "ClipRecipe":
        """One split alone; `clips` None: as many as the shipped model used. Clip n is the same for any number."""
        count = getattr(cls(), split) if clips is None else clips
        counts = {name: count if name == split else 0 for name in SPLITS}
        return cls(**counts, frames=frames, size=size, seed=seed)

    def digest(self) -> str:
        """12 hexadecimal digits, different for every recipe and layout."""
        return digest_of(asdict(self), LAYOUT)


def ensure_moving_digits(recipe: ClipRecipe | None = None, root: Path | None = None) -> Path:
    """The data set's folder, written first if it is not there, checked if it is.

    Args:
        recipe: None: the recipe of the shipped model.
        root: the folder it lies in, under a name of its own; None: `data_root()`.
    Raises:
        SampleError: the folder cannot be written.
    """
    recipe = recipe or ClipRecipe()
    folder = (root or data_root()) / f"moving-digits-{recipe.digest()}"
    return ensure_folder(folder, recipe.digest(), lambda empty: fill(empty, recipe))


def fill(folder: Path, recipe: ClipRecipe) -> dict[str, dict[str, Any]]:
    """Write every split into an empty folder; returns what the manifest says of each."""
    return {name: _write_split(folder, recipe, name) for name in SPLITS if getattr(recipe, name) > 0}


def _write_split(folder: Path, recipe: ClipRecipe, split: str) -> dict[str, Any]:
    (folder / split).mkdir()
    scans = split_scans(SHARES, np.random.default_rng([recipe.seed, 0]))[split]
    bands = split_photos(SHARES)[split]
    pixels, lines = hashlib.sha256(), []
    for number in range(getattr(recipe, split)):
        rng = np.random.default_rng([recipe.seed, 3, SPLITS.index(split), number])
        label = int(rng.integers(len(MOTIONS)))
        clip = draw_clip(scans, bands, label, recipe.frames, recipe.size, rng)
        name = f"{split}/{number + 1:05d}.mp4"
        write_clip(folder / name, clip)
        pixels.update(clip.tobytes())
        lines.append(f"{name} {label}\n")
    (folder / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    return {**tally(folder, split), "pixels_sha256": pixels.hexdigest()}


def write_clip(path: Path, clip: NDArray[np.uint8]) -> None:
    """Encode a clip; the same frames give the same bytes on one build of FFmpeg.

    Args:
        path: file to write, `.mp4`.
        clip: RGB, shape (frames, height, width, 3).
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODEC, rate=FRAMES_PER_SECOND)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = BITS_PER_SECOND
        stream.thread_count = 1
        for frame in clip:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m samples.moving_digits", description=(__doc__ or "").split("\n")[0])
    default = ClipRecipe()
    parser.add_argument("--out", type=Path, help="folder to write; default: the user's cache")
    names = (*SPLITS, "frames", "size", "seed")
    for name in names:
        parser.add_argument(f"--{name}", type=int, default=getattr(default, name), help="default %(default)s")
    chosen = parser.parse_args(arguments)
    try:
        recipe = ClipRecipe(**{name: getattr(chosen, name) for name in names})
        if chosen.out is None:
            print(ensure_moving_digits(recipe))
        else:
            write_folder(chosen.out, recipe.digest(), lambda empty: fill(empty, recipe))
            print(chosen.out)
    except SampleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
