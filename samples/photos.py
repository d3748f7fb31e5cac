"""Backgrounds: crops of scikit-learn's two photos, from a region of its own for every split."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

Photo = NDArray[np.uint8]


def split_photos(shares: dict[str, float]) -> dict[str, list[Photo]]:
    """Both photos cut into vertical bands, so that no photo pixel is in two splits.

    Args:
        shares: part of the width per split; they sum to 1.
    Returns:
        per split the bands of both photos, each (rows, columns, 3) RGB.
    """
    regions: dict[str, list[Photo]] = {name: [] for name in shares}
    for photo in load_sample_images().images:
        ends = np.cumsum([round(share * photo.shape[1]) for share in shares.values()])[:-1]
        for name, band in zip(shares, np.split(photo, ends, axis=1), strict=True):
            regions[name].append(np.ascontiguousarray(band))
    return regions


def draw_background(bands: list[Photo], size: tuple[int, int], rng: np.random.Generator, smallest: int = 80) -> Photo:
    """A random crop of a random band, mirrored at random and resized.

    Args:
        bands: photos to choose from.
        size: (height, width) of the result in pixels.
        smallest: short side of the smallest crop in pixels of the photo.
    """
    band = bands[int(rng.integers(len(bands)))]
    height, width = size
    # largest crop of the wanted shape that fits the band
    largest = min(band.shape[0] / height, band.shape[1] / width)
    scale = rng.uniform(min(smallest / min(size), largest), largest)
    rows, columns = max(1, int(scale * height)), max(1, int(scale * width))
    top = int(rng.integers(band.shape[0] - rows + 1))
    left = int(rng.integers(band.shape[1] - columns + 1))
    crop = band[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    resized = Image.fromarray(np.ascontiguousarray(crop)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)
