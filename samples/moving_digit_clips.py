"""Clips of one digit that moves over a photo: what it does is the label, which digit it is does not matter.

Where the digit starts, how large it is and how it is turned are drawn alike for every motion, so that no single frame
gives the motion away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from samples.digit_glyphs import INK, Scans
from samples.photos import Photo, draw_background

MOTIONS = ("left", "right", "up", "down", "clockwise", "counterclockwise", "grow", "shrink")
"""The classes, in label order."""

DIMMED = 0.6
"""Brightness of the photos, so that small models learn in minutes to look at what is bright."""

_SHIFT = {"left": (0.0, -1.0), "right": (0.0, 1.0), "up": (-1.0, 0.0), "down": (1.0, 0.0)}
_TURN = {"clockwise": 1.0, "counterclockwise": -1.0}
_GROWTH = {"grow": 1.0, "shrink": -1.0}
_PAPER = 2


@dataclass(frozen=True, slots=True)
class Path:
    """Where a digit is over time.

    Args:
        centre: (frames, 2), row and column in pixels.
        angle: (frames,), clockwise in radians.
        side: (frames,), length in pixels that the 8 scan pixels are enlarged to.
    """

    centre: NDArray[np.float64]
    angle: NDArray[np.float64]
    side: NDArray[np.float64]


def draw_path(motion: str, frames: int, size: int, rng: np.random.Generator) -> Path:
    """A random path of a motion, with a little of everything else in it.

    Args:
        motion: one of `MOTIONS`.
        frames: moments.
        size: side of the square frame in pixels.
    """
    # from -1/2 to 1/2: what is drawn below is the middle of the path, whatever the motion
    time = np.linspace(-0.5, 0.5, frames)
    middle = size / 2 + rng.uniform(-0.12, 0.12, 2) * size
    wobble = rng.normal(0.0, 0.004 * size, (frames, 2)).cumsum(0)
    shift = np.array(_SHIFT.get(motion, (0.0, 0.0))) * rng.uniform(0.25, 0.5) * size
    turn = _TURN.get(motion, 0.0) * np.deg2rad(rng.uniform(60.0, 150.0)) + np.deg2rad(rng.uniform(-8.0, 8.0))
    growth = _GROWTH.get(motion, 0.0) * np.log(rng.uniform(1.5, 2.2)) + rng.uniform(-0.06, 0.06)
    side = size * np.exp(rng.uniform(np.log(0.35), np.log(0.55)))
    angle = rng.uniform(-np.pi, np.pi) + time * turn
    return Path(middle + time[:, None] * shift + wobble, angle, side * np.exp(time * growth))


def draw_clip(
    scans: Scans, bands: list[Photo], label: int, frames: int, size: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One random clip of a motion.

    Args:
        scans: digits to choose from.
        bands: photos to choose from.
        label: of the motion.
        frames: its length.
        size: side of the square frames in pixels.
    Returns:
        RGB, shape (frames, size, size, 3).
    """
    scan = np.pad(scans.images[int(rng.integers(len(scans)))], _PAPER)
    path = draw_path(MOTIONS[label], frames, size, rng)
    background = DIMMED * draw_background(bands, (size, size), rng).astype(np.float64)
    colour = rng.uniform(150.0, 255.0, 3)
    clip = np.empty((frames, size, size, 3), dtype=np.uint8)
    for moment in range(frames):
        alpha = _opacity(scan, path, moment, size)[..., None]
        frame = background + alpha * (colour - background) + rng.normal(0.0, 4.0, background.shape)
        clip[moment] = np.rint(np.clip(frame, 0, 255)).astype(np.uint8)
    return clip


def _opacity(scan: NDArray[np.float64], path: Path, moment: int, size: int) -> NDArray[np.float64]:
    """How much of the digit covers each pixel, 0..1, shape (size, size)."""
    angle, side = path.angle[moment], path.side[moment]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation * (8.0 / side)
    offset = np.full(2, (len(scan) - 1) / 2) - matrix @ path.centre[moment]
    ink = np.clip(affine_transform(scan, matrix, offset, output_shape=(size, size), order=3), 0.0, 1.0)
    opacity: NDArray[np.float64] = np.clip((ink - INK) * side / 16.0 + 0.5, 0.0, 1.0) * (ink > 0.05)
    return opacity
