"""Videos in the layout of the Kinetics recipes: files, and a list with lines of `path label`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmdet.datasets.builder import DATASETS
from torch import Tensor

from search.datasets.decoding import read_frames
from search.datasets.labelled import Labelled, Sample
from search.datasets.sampling import Sampling
from search.errors import TargetError


@DATASETS.register_module()
class VideoList(Labelled):
    """`dict(type='VideoList', ann_file='k400_val.txt', data_prefix='data/k400/val', sampling=..., pipeline=[...])`.

    A training sample is a clip, (3, frames, height, width); a test sample all views of a video, (views, 3, frames,
    height, width): every clip in every crop of the pipeline. A pipeline without crops of its own gives one per clip.

    Args:
        ann_file: the list.
        data_prefix: folder that its paths are relative to; None: the list's own.
        sampling: arguments of `Sampling`.
        pipeline: see `search.datasets.transforms`.
        classes: class names in label order, or a file with one a line; None: numbers up to the largest label.
        num_classes: how many classes there are, where the list does not show all; `classes` None only.
        test_mode: for evaluation.
    Raises:
        TargetError: the list is missing, empty or malformed; names the line.
    """

    def __init__(
        self,
        ann_file: str,
        sampling: Mapping[str, Any],
        pipeline: Sequence[Mapping[str, Any]],
        data_prefix: str | None = None,
        classes: Sequence[str] | str | None = None,
        num_classes: int | None = None,
        test_mode: bool = False,
    ) -> None:
        path = Path(ann_file)
        samples = _read(path)
        if isinstance(classes, str):
            classes = [line.strip() for line in Path(classes).read_text(encoding="utf-8").splitlines() if line.strip()]
        largest = max(one.label for one in samples)
        names = classes or [str(label) for label in range(num_classes or largest + 1)]
        if largest >= len(names):
            raise TargetError(f"list {path} has label {largest}, but there are {len(names)} classes; correct one")
        try:
            self.sampling = Sampling(**sampling)
        except (TypeError, ValueError) as error:
            raise TargetError(f"sampling={dict(sampling)}: {error}") from None
        folder = path.parent if data_prefix is None else Path(data_prefix)
        super().__init__(folder, samples, names, pipeline, path, test_mode)

    def decode(self, place: int) -> Tensor:
        """See `Labelled.decode`; (clips, frames, 3, height, width), training a single clip: (frames, 3, ...)."""
        path = self.folder / self.samples[place].name
        frames = torch.from_numpy(read_frames(path, self._choose)).permute(0, 3, 1, 2)
        if not self.test_mode and self.sampling.num_clips == 1:
            return frames
        return frames.reshape(self.sampling.num_clips, self.sampling.clip_len, *frames.shape[1:])

    def arrange(self, x: Tensor) -> Tensor:
        """(..., frames, 3, height, width) to (views, 3, frames, height, width), or without views in training."""
        x = x.movedim(-3, -4)
        return x.flatten(0, -5).contiguous() if x.dim() > 4 else x.contiguous()

    def _choose(self, frames: int) -> list[int]:
        if self.test_mode:
            clips = self.sampling.for_testing(frames)
        else:
            clips = self.sampling.for_training(frames, lambda below: int(torch.randint(below, ())))
        return [number for clip in clips for number in clip]


def _read(path: Path) -> list[Sample]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"list of videos {path} cannot be read: {error}; correct ann_file") from None
    samples = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parts = line.rsplit(maxsplit=1)
        if len(parts) != 2 or not parts[1].isdecimal():
            raise TargetError(f"{path}, line {number}: expected `path label`, a whole number last; got {line!r}")
        samples.append(Sample(parts[0], int(parts[1])))
    if not samples:
        raise TargetError(f"list of videos {path} is empty; copy it again")
    return samples
