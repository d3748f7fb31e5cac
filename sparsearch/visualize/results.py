"""Results of models as records: mmdet's lists per class, or an array of class scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsearch.visualize.records import Array, Detection

TOP = 5
"""Classes of a classifier that are shown."""


def detections(result: Any, classes: Sequence[str], threshold: float) -> tuple[Detection, ...]:
    """Objects of at least a score, best first.

    Args:
        result: boxes per class, (n, 5) left, top, right, bottom, score; or (boxes, masks), masks as lists per class.
        classes: names; a class beyond them is called by its number.
        threshold: least score.
    """
    boxes, masks = result if isinstance(result, tuple) else (result, None)
    found = []
    for number, rows in enumerate(boxes):
        for place, row in enumerate(np.asarray(rows, float).reshape(-1, 5)):
            if row[4] >= threshold:
                left, top, right, bottom, score = row.tolist()
                mask = None if masks is None else _mask(masks[number][place])
                box = (left, top, right, bottom)
                found.append(Detection(name_of(number, classes), number, score, box, mask))
    return tuple(sorted(found, key=lambda one: -one.score))


def scores(result: Array, classes: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The likeliest classes and their probabilities, best first.

    Args:
        result: (classes,) probabilities, or logits, of which the softmax is taken.
        classes: names; a class beyond them is called by its number.
    """
    values = np.asarray(result, float).reshape(-1)
    if values.min() < 0 or abs(values.sum() - 1) > 1e-3:
        powers = np.exp(values - values.max())
        values = powers / powers.sum()
    best = np.argsort(-values, kind="stable")[:TOP]
    return tuple((name_of(int(number), classes), float(values[number])) for number in best)


def name_of(number: int, classes: Sequence[str]) -> str:
    """The name of a class, or its number where it has none."""
    return classes[number] if number < len(classes) else f"class {number}"


def _mask(mask: Any) -> Array:
    if isinstance(mask, dict):  # run lengths
        from pycocotools.mask import decode

        return np.asarray(decode(mask), bool)
    return np.asarray(mask, bool)
