"""Accuracy of a plan: top-1 and top-5 of a classifier of images or videos, on blocks of them."""

from collections.abc import Iterable, Iterator, Sequence
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

BATCH_BYTES = 1 << 30
"""Float32 pixels of a batch: 16 images of 224 pixels take 10 MB, one video in 12 views 231 MB."""

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

    The images of a block run together, whatever else is evaluated, so that equal plans give equal scores.
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
        split.dataset.check_classes(scores.shape[1])
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
        read = ((number, _pixels(split, images, number)) for number in numbers)
        with torch.inference_mode(), use_plan(plan):
            for batch in batches(read):
                img = torch.stack([split.dataset.finish(pixels) for pixels in batch]).to(device)
                yield np.stack(self.model(img=img, return_loss=False))


def batches(read: Iterable[tuple[int, Any]], most: int = BATCH_BYTES) -> Iterator[list[Any]]:
    """Pictures that run together: neighbours of one block and of one shape, as many as the memory takes.

    Which those are depends on the images alone, so that a batch is the same whatever else is evaluated.

    Args:
        read: number in the common order, and tensor; read only as far as needed.
        most: bytes of a batch in single precision; a larger picture runs alone.
    """
    batch: list[Any] = []
    last = -1
    for number, pixels in read:
        full = bool(batch) and (len(batch) + 1) * batch[0].numel() * 4 > most
        if batch and (full or number // BLOCK != last // BLOCK or pixels.shape != batch[0].shape):
            yield batch
            batch = []
        batch.append(pixels)
        last = number
    if batch:
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
