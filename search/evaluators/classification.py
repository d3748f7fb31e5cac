"""Accuracy of a plan: top-1 and top-5 of a classifier of images or videos, on blocks of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.plan import Plan
from search.datasets.accuracy import ranks, top_k
from search.errors import NotFiniteError, TargetError
from search.evaluators.blocks import BLOCK, BlockEvaluator, Found, ModelFactory
from search.evaluators.images import Images
from search.evaluators.splits import Split, open_split
from search.training import read_config

KEPT_BYTES = 4 << 30
"""Decoded pixels of a split that are kept; of a larger split the rest is decoded anew for every plan."""


@dataclass(frozen=True)
class ClassificationFactory(ModelFactory):
    """Builds a `ClassificationEvaluator`; see `ModelFactory`."""

    def __call__(self) -> "ClassificationEvaluator":
        """A loaded evaluator.

        Raises:
            TargetError: config or checkpoint cannot be used.
        """
        return ClassificationEvaluator(self)

    def share(self, split: str) -> Images:
        """The decoded images of a split, for workers that share memory."""
        return decode(open_split(read_config(self.config), split, self.images))


class ClassificationEvaluator(BlockEvaluator):
    """A loaded classifier; see `BlockEvaluator`.

    The images of a block make one batch, whatever else is evaluated, so that equal plans give equal scores.
    """

    def read(self, split: Split) -> Images:
        """See `BlockEvaluator.read`."""
        return decode(split)

    def score(self, plan: Plan, split: Split, images: Images, numbers: Sequence[int]) -> Found:
        """See `BlockEvaluator.score`; the table has for each image its class and the rank of that class, 0 for a hit.

        Raises:
            TargetError: the data set has other classes than the model.
            NotFiniteError: the model gives a score that is no number.
        """
        labels = np.array([split.dataset.samples[split.positions[number]].label for number in numbers])
        scores = np.concatenate(list(self.scores(plan, split, images, numbers)))
        if scores.shape[1] != len(split.dataset.CLASSES):
            raise TargetError(
                f"split {split.name!r}: {split.dataset.img_prefix} has {len(split.dataset.CLASSES)} classes, the model "
                f"{scores.shape[1]}; is a class folder missing, or num_classes wrong?"
            )
        if not np.isfinite(scores).all():
            raise NotFiniteError(f"plan {plan}: some scores are not finite")
        found = ranks(scores, labels)
        metrics = {f"top{k}": 100 * top_k(found, k) for k in (1, 5)}
        table = {
            str(split.positions[number]): [int(label), int(rank)]
            for number, label, rank in zip(numbers, labels, found, strict=True)
        }
        return metrics, table

    def scores(self, plan: Plan, split: Split, images: Images, numbers: Sequence[int]) -> Iterator[Any]:
        """Scores of the classes, (n, classes) for every n images."""
        import torch

        from models.mmdet_adapter import use_plan

        device = torch.device(self._factory.device)
        with torch.inference_mode(), use_plan(plan):
            for batch in batches(numbers):
                pixels = [_pixels(split, images, number) for number in batch]
                for group in _alike(pixels):
                    img = torch.stack([split.dataset.finish(one) for one in group]).to(device)
                    yield np.stack(self.model(img=img, return_loss=False))


def batches(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Images of one block each, as far as they are wanted."""
    batch: list[int] = []
    for number in numbers:
        if batch and number // BLOCK != batch[-1] // BLOCK:
            yield batch
            batch = []
        batch.append(number)
    yield batch


def decode(split: Split, most: int = KEPT_BYTES) -> Images:
    """The pictures of a split as the model sees them, but uint8, from the front of the common order.

    Args:
        split: of labelled images or videos.
        most: bytes that are kept.
    Raises:
        TargetError: a file is damaged; names it. Or the data set is of another task.
    """
    if not hasattr(split.dataset, "finish"):
        raise TargetError(
            f"split {split.name!r}: {type(split.dataset).__name__} has no labels of whole images; "
            f"use ImageFolder or VideoList"
        )
    loaded: list[dict[str, Any]] = []
    for position in split.positions:
        if most <= 0:
            break
        pixels = split.dataset.pixels(position).numpy()
        most -= pixels.nbytes
        loaded.append({"img": pixels})
    return Images(tuple(loaded))


def _pixels(split: Split, images: Images, number: int) -> Any:
    import torch

    if number >= len(images):
        return split.dataset.pixels(split.positions[number])
    shared = images.loaded[number]["img"]
    # memory that workers share is read-only, which torch asks to be told of
    return torch.from_numpy(shared if shared.flags.writeable else shared.copy())


def _alike(pixels: Sequence[Any]) -> Iterator[list[Any]]:
    """Neighbours of one shape together; pipelines without a crop leave images as they are."""
    group: list[Any] = []
    for one in pixels:
        if group and one.shape != group[0].shape:
            yield group
            group = []
        group.append(one)
    yield group
