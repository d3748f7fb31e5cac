"""Top-k accuracy from ranks, as truth tables."""

import numpy as np
import pytest

from search.datasets.accuracy import mean_class, ranks, summary, top_k

SCORES = np.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.3], [0.9, 0.0, 0.1], [0.2, 0.2, 0.6]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([1, 0, 0, 2], [0, 0, 0, 0]), ([0, 2, 1, 1], [2, 2, 2, 2]), ([2, 1, 2, 0], [1, 1, 1, 1])],
)
def test_rank_counts_the_classes_before_the_true_one_and_equal_scores_by_number(
    labels: list[int], expected: list[int]
) -> None:
    assert ranks(SCORES, labels).tolist() == expected


def test_ranks_agree_with_sorting() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 6, (50, 9)), rng.integers(0, 9, 50)
    order = np.argsort(-scores, axis=1, kind="stable")
    assert ranks(scores, labels).tolist() == [list(row).index(label) for row, label in zip(order, labels, strict=True)]


def test_summary_names_what_was_asked_for() -> None:
    assert summary(SCORES, [1, 2, 2, 2]) == {"top1": 0.5, "top5": 1.0}
    both = summary(SCORES, [1, 2, 2, 2], ["top_k_accuracy", "mean_class_accuracy"], topk=(1, 2))
    assert both == {"top1": 0.5, "top2": 0.75, "mean_class": pytest.approx((1 + 1 / 3) / 2)}
    assert mean_class([0, 0, 1], [4, 4, 4]) == pytest.approx(2 / 3)
    assert top_k([0], 1) == 1.0


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="'bbox' is unknown; choose top_k_accuracy or mean_class_accuracy"):
        summary(SCORES, [0, 0, 0, 0], ["bbox"])
