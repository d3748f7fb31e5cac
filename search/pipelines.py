"""Pipelines of configs, mmdet's and this project's: lists of steps, some with steps inside. Standard library only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def steps(pipeline: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The steps in their order, each before those inside it."""
    for step in pipeline:
        yield step
        yield from steps(step.get("transforms", ()))


def input_size(data: Mapping[str, Any]) -> tuple[int, int] | None:
    """(height, width) in pixels of the images that a data set hands to its model; None: the config does not say.

    mmdet's `img_scale` is (width, height); an image that keeps its shape is assumed to fill it.

    Args:
        data: `data.test` of a config; the built-in sets have a `size` of their own.
    """
    height = width = 0
    for step in (data, *steps(data.get("pipeline", ()))):
        if scale := step.get("img_scale"):
            width, height = scale[0] if isinstance(scale, list) else scale
        elif size := step.get("size"):
            height, width = (size, size) if isinstance(size, int) else size
        if divisor := step.get("size_divisor"):
            height, width = (-(-side // divisor) * divisor for side in (height, width))
    return (height, width) if height and width else None
