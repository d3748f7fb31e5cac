"""Top-k accuracy, from the rank of the true class of every sample."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOP_K = "top_k_accuracy"
MEAN_CLASS = "mean_class_accuracy"
METRICS = (TOP_K, MEAN_CLASS)
"""What `evaluate` of a labelled data set may be asked for."""


def ranks(scores: ArrayLike, labels: ArrayLike) -> NDArray[np.int64]:
    """How many classes come before the true one, 0 for a hit; of equal scores the lower class number comes first.

    Args:
        scores: (samples, classes), larger is likelier.
        labels: (samples,), 0 <= label < classes.
    """
    values, truth = np.asarray(scores), np.asarray(labels)
    own = np.take_along_axis(values, truth[:, None], axis=1)
    before = (values > own) | ((values == own) & (np.arange(values.shape[1]) < truth[:, None]))
    found: NDArray[np.int64] = before.sum(1, dtype=np.int64)
    return found


def top_k(found: ArrayLike, k: int) -> float:
    """Share of the samples whose true class is among the first k."""
    return float(np.mean(np.asarray(found) < k))


def mean_class(found: ArrayLike, labels: ArrayLike) -> float:
    """Mean over the classes that occur of the share of their samples that hit."""
    hits, truth = np.asarray(found) == 0, np.asarray(labels)
    return float(np.mean([hits[truth == label].mean() for label in np.unique(truth)]))


def summary(
    scores: ArrayLike, labels: ArrayLike, metrics: Sequence[str] = (TOP_K,), topk: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """The metrics in 0..1: `top1`, `top5`, `mean_class`.

    Raises:
        ValueError: an unknown metric.
    """
    if unknown := sorted(set(metrics) - set(METRICS)):
        raise ValueError(f"metric {unknown[0]!r} is unknown; choose {' or '.join(METRICS)}")
    found, values = ranks(scores, labels), dict[str, float]()
    if TOP_K in metrics:
        values |= {f"top{k}": top_k(found, k) for k in topk}
    if MEAN_CLASS in metrics:
        values["mean_class"] = mean_class(found, labels)
    return values
