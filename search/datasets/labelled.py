"""What the data sets of labelled images and videos share: samples, batches for mmdet's loaders, accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.parallel import DataContainer
from torch import Tensor
from torch.utils.data import Dataset

from search.datasets.accuracy import TOP_K, summary
from search.datasets.transforms import Pipeline
from search.errors import TargetError


@dataclass(frozen=True, slots=True)
class Sample:
    """A file and its class.

    Args:
        name: path relative to the data set's folder.
        label: class number.
    """

    name: str
    label: int


class Labelled(Dataset[dict[str, Any]]):
    """Labelled files, as mmdet's builders, samplers, loops and hooks expect a data set.

    Args:
        folder: what the names of the samples are relative to.
        samples: the files.
        classes: class names, in label order.
        pipeline: see `search.datasets.transforms`.
        ann_file: list that the samples were read from; None: there is none.
        test_mode: for evaluation.
        repeats: differently augmented copies of a sample in one batch while training; an epoch then passes over one
            in so many samples, so that its length stays.
    """

    def __init__(
        self,
        folder: Path,
        samples: Sequence[Sample],
        classes: Sequence[str],
        pipeline: Sequence[Mapping[str, Any]],
        ann_file: Path | None = None,
        test_mode: bool = False,
        repeats: int = 1,
    ) -> None:
        self.samples = tuple(samples)
        self.CLASSES = tuple(classes)
        self.img_prefix = str(folder)
        self.ann_file = None if ann_file is None else str(ann_file)
        self.test_mode = test_mode
        self.repeats = 1 if test_mode else repeats
        self.pipeline = Pipeline(pipeline)
        self.data_infos = [{"id": place, "filename": one.name} for place, one in enumerate(self.samples)]
        # mmdet's samplers make batches of one group: here all files are of one
        self.flag = np.zeros(len(self), dtype=np.uint8)

    @property
    def folder(self) -> Path:
        """What names are relative to."""
        return Path(self.img_prefix)

    def __len__(self) -> int:
        return -(-len(self.samples) // self.repeats)

    def decode(self, place: int) -> Tensor:
        """The picture of a sample, uint8 RGB, (..., 3, height, width).

        Raises:
            TargetError: the file is damaged; names it.
        """
        raise NotImplementedError

    def arrange(self, x: Tensor) -> Tensor:
        """Axes as the model expects them."""
        return x

    def pixels(self, place: int) -> Tensor:
        """The picture of a sample as the model sees it, but uint8: the costly part, the same every time in testing."""
        return self.pipeline.pixels(self.decode(place))

    def finish(self, pixels: Tensor) -> Tensor:
        """The rest: the model's float32 input."""
        return self.arrange(self.pipeline.finish(pixels))

    def check_classes(self, counted: int) -> None:
        """A model and its data must count the same classes, or labels mean something else.

        Args:
            counted: classes that the model tells apart.
        Raises:
            TargetError: they do not.
        """
        if counted != len(self.CLASSES):
            raise TargetError(
                f"the model tells {counted} classes apart, {self.ann_file or self.img_prefix} has {len(self.CLASSES)}; "
                "is a class folder missing, or num_classes wrong?"
            )

    def __getitem__(self, index: int) -> dict[str, Any]:
        """What mmcv's `collate` makes batches of: `img`, `img_metas` and, in training, `gt_label`."""
        place = index
        if self.repeats > 1:
            place = min(index * self.repeats + int(torch.randint(self.repeats, ())), len(self.samples) - 1)
        if self.repeats > 1:
            decoded = self.decode(place)
            img = torch.stack([self.arrange(self.pipeline(decoded)) for _ in range(self.repeats)])
        else:
            img = self.finish(self.pixels(place))
        sample = self.samples[place]
        meta = {"filename": str(self.folder / sample.name), "ori_filename": sample.name, "index": place}
        item = {
            "img": DataContainer(img, stack=True, pad_dims=None),
            "img_metas": DataContainer(meta, cpu_only=True),
        }
        if not self.test_mode:
            item["gt_label"] = DataContainer(torch.tensor(sample.label), stack=True, pad_dims=None)
        return item

    def evaluate(
        self,
        results: Sequence[Any],
        metric: str | Sequence[str] = TOP_K,
        logger: Any = None,
        topk: Sequence[int] = (1, 5),
    ) -> dict[str, float]:
        """Accuracies in 0..1 of scores in the order of the samples: `top1`, `top5`, `mean_class`.

        Args:
            results: per sample the scores of all classes.
            metric: "top_k_accuracy", "mean_class_accuracy", or both.
            logger: ignored; mmcv's hooks log what is returned.
            topk: the k.
        Raises:
            ValueError: an unknown metric, or another number of results than of samples.
            TargetError: other classes than those of the model.
        """
        if len(results) != len(self.samples):
            raise ValueError(f"{len(results)} results for {len(self.samples)} samples; evaluate the whole data set")
        wanted = [metric] if isinstance(metric, str) else list(metric)
        scores = np.stack([np.asarray(one) for one in results])
        self.check_classes(scores.shape[1])
        return summary(scores, [one.label for one in self.samples], wanted, topk)
