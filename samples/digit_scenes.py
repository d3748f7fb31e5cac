"""Scenes: a few digits on a photo, some over each other, most of the image background."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samples.digit_glyphs import Glyph, Scans, draw_glyph
from samples.photos import Photo, draw_background

VISIBLE = 0.6
"""No digit may lose more than the rest of its area to digits laid over it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An image and what is on it.

    Args:
        image: (height, width, 3) RGB.
        labels: one digit per object.
        masks: visible pixels of each object, (objects, height, width).
    """

    image: Photo
    labels: list[int]
    masks: NDArray[np.bool_]


def draw_scene(
    scans: Scans,
    bands: list[Photo],
    size: tuple[int, int],
    rng: np.random.Generator,
    digits: tuple[int, int] = (2, 6),
    sides: tuple[float, float] = (32.0, 80.0),
) -> Scene:
    """One random scene.

    Args:
        scans: digits to choose from.
        bands: photos to choose from.
        size: (height, width) in pixels.
        digits: fewest and most digits tried; one that finds no place is left out.
        sides: smallest and largest side in pixels that a scan is enlarged to.
    """
    canvas = draw_background(bands, size, rng).astype(np.float64)
    masks: list[NDArray[np.bool_]] = []
    labels: list[int] = []
    for _ in range(int(rng.integers(digits[0], digits[1] + 1))):
        glyph = draw_glyph(scans, float(np.exp(rng.uniform(*np.log(sides)))), rng)
        place = _find_place(glyph, masks, size, rng)
        if place is None:
            continue
        window = np.s_[place[0] : place[0] + glyph.mask.shape[0], place[1] : place[1] + glyph.mask.shape[1]]
        colour = _draw_colour(canvas[window].mean((0, 1)), rng)
        alpha = glyph.alpha[..., None] * rng.uniform(0.85, 1.0)
        canvas[window] = canvas[window] * (1 - alpha) + colour * alpha
        for earlier in masks:
            earlier[window] &= ~glyph.mask
        mask = np.zeros(size, dtype=np.bool_)
        mask[window] = glyph.mask
        masks.append(mask)
        labels.append(glyph.label)
    return Scene(np.rint(canvas).astype(np.uint8), labels, np.array(masks, dtype=np.bool_).reshape(-1, *size))


def _find_place(
    glyph: Glyph, masks: list[NDArray[np.bool_]], size: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int] | None:
    """Top left corner for a glyph, every third one over an earlier digit; None after ten tries."""
    rows, columns = size[0] - glyph.mask.shape[0], size[1] - glyph.mask.shape[1]
    if rows < 0 or columns < 0:
        return None
    for _ in range(10):
        top, left = int(rng.integers(rows + 1)), int(rng.integers(columns + 1))
        if masks and rng.random() < 0.3:
            ys, xs = np.nonzero(masks[int(rng.integers(len(masks)))])
            shift = rng.integers(-glyph.mask.shape[0] // 2, glyph.mask.shape[0] // 2 + 1, 2)
            top = int(np.clip(ys.mean() - glyph.mask.shape[0] / 2 + shift[0], 0, rows))
            left = int(np.clip(xs.mean() - glyph.mask.shape[1] / 2 + shift[1], 0, columns))
        window = np.s_[top : top + glyph.mask.shape[0], left : left + glyph.mask.shape[1]]
        lost = [float((mask[window] & glyph.mask).sum()) / max(1, int(mask.sum())) for mask in masks]
        if all(part <= 1 - VISIBLE for part in lost):
            return top, left
    return None


def _draw_colour(background: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour that is told apart from the mean colour behind the digit."""
    best = rng.uniform(0, 255, 3)
    for _ in range(6):
        if np.abs(best - background).sum() >= 220:
            break
        other = rng.uniform(0, 255, 3)
        if np.abs(other - background).sum() > np.abs(best - background).sum():
            best = other
    return best
