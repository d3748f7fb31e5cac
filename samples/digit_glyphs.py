"""Handwritten digits as glyphs: scanned by others at 8x8 pixels, here enlarged smoothly, turned and cut out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits

INK = 0.4
"""A pixel belongs to the digit where the enlarged scan is at least this dark (0 paper, 1 ink)."""
_PAPER = 2
"""Scan pixels of blank paper added on every side, so that strokes at the border of the scan end softly."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One digit, cut tightly.

    Args:
        label: 0..9.
        alpha: opacity in 0..1, shape (height, width), float64.
        mask: pixels that belong to the digit, shape (height, width).
    """

    label: int
    alpha: NDArray[np.float64]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scans:
    """Scans of handwritten digits.

    Args:
        images: ink in 0..1, shape (n, 8, 8), float64.
        labels: 0..9, shape (n,).
    """

    images: NDArray[np.float64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def split_scans(shares: dict[str, float], rng: np.random.Generator) -> dict[str, Scans]:
    """Scikit-learn's 1,797 scans, dealt to splits so that no scan is in two of them.

    Args:
        shares: part of the scans per split; they sum to 1.
    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI (CC BY 4.0), the test part.
    """
    bundle = load_digits()
    images = bundle.images / 16.0
    order = rng.permutation(len(images))
    ends = np.cumsum([round(share * len(images)) for share in shares.values()])[:-1]
    parts = np.split(order, ends)
    return {name: Scans(images[part], bundle.target[part]) for name, part in zip(shares, parts, strict=True)}


def draw_glyph(scans: Scans, side: float, rng: np.random.Generator, turn: float = 25.0) -> Glyph:
    """A random scan, enlarged by cubic splines and turned.

    Args:
        side: length in pixels that the 8 scan pixels are enlarged to.
        turn: largest angle in degrees, either way.
    """
    pick = int(rng.integers(len(scans)))
    angle = np.deg2rad(rng.uniform(-turn, turn))
    stretch = rng.uniform(0.85, 1.15)
    scan = np.pad(scans.images[pick], _PAPER)
    zoom = np.array([8.0 / side, 8.0 / (side * stretch)])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation * zoom
    size = int(np.ceil(side * 1.9))
    centre = np.full(2, (size - 1) / 2)
    offset = np.full(2, (len(scan) - 1) / 2) - matrix @ centre
    ink = np.clip(affine_transform(scan, matrix, offset, output_shape=(size, size), order=3), 0.0, 1.0)
    mask = ink >= INK
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tight = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # a soft edge about two pixels wide, half of it inside the mask
    alpha = np.clip((ink - INK) * side / 16.0 + 0.5, 0.0, 1.0)
    return Glyph(int(scans.labels[pick]), alpha[tight], mask[tight])
