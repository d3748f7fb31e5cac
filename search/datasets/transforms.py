"""What happens to pictures between the decoder and the model, as a list of dicts in a config.

    pipeline=[dict(type="Resize", size=256), dict(type="CenterCrop", size=224), dict(type="Normalize", mean=M, std=S)]

Pictures are RGB tensors (..., 3, height, width): one image, the frames of a clip, or all clips of a video. A random
step draws once and treats every frame alike. Up to `Normalize` they are uint8, behind it float32.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from search.errors import TargetError

Step = Callable[[Tensor], Tensor]


class Normalize:
    """To float32, less the mean, divided by the deviation, both in units of 0..255."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean = torch.tensor(mean, dtype=torch.float32).reshape(-1, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32).reshape(-1, 1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return (x.float() - self.mean) / self.std


class RandAugment:
    """`num_ops` random operations, each with a strength drawn around `magnitude`.

    Args:
        num_ops: operations in a row.
        magnitude: mean strength, 0..10.
        std: its standard deviation; 0: always the mean.
        fill: colour of what a shift or a turn leaves empty.
    Source: RandAugment (arXiv 1909.13719); the noise is that of the recipes named `m9-mstd0.5`.
    """

    _BINS = 31

    def __init__(
        self, num_ops: int = 2, magnitude: float = 9.0, std: float = 0.5, fill: Sequence[float] = (124, 116, 104)
    ) -> None:
        self.num_ops, self.magnitude, self.std = num_ops, magnitude, std
        self._steps = [
            v2.RandAugment(1, strength, self._BINS, InterpolationMode.BILINEAR, list(fill))
            for strength in range(self._BINS)
        ]

    def __call__(self, x: Tensor) -> Tensor:
        for _ in range(self.num_ops):
            drawn = self.magnitude + self.std * float(torch.randn(()))
            place = round(min(max(drawn, 0.0), 10.0) / 10 * (self._BINS - 1))
            x = self._steps[place](x)
        return x


class ThreeCrops:
    """Squares at both ends and in the middle of the long side, as a new first axis.

    Args:
        size: side; the short side is first resized to it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._resize = _resize(size)

    def __call__(self, x: Tensor) -> Tensor:
        x = self._resize(x)
        height, width = x.shape[-2:]
        crops = []
        for place in (0.0, 1.0, 0.5):
            top, left = int(place * (height - self.size)), int(place * (width - self.size))
            crops.append(x[..., top : top + self.size, left : left + self.size])
        return torch.stack(crops)


class FiveViews:
    """Three crops, the whole frame squashed to a square, and the middle crop once more: the views of Swin-L at 384.

    The middle crop counts twice because the recipe's centre crop is that very crop.
    """

    def __init__(self, size: int) -> None:
        self._crops = ThreeCrops(size)
        self._squash = v2.Resize((size, size), InterpolationMode.BILINEAR, antialias=True)

    def __call__(self, x: Tensor) -> Tensor:
        crops = self._crops(x)
        return torch.cat([crops, self._squash(x)[None], crops[2:]])


def _resize(size: int | Sequence[int], interpolation: str = "bilinear") -> Step:
    """One number: the short side; two: height and width."""
    wanted = [size] if isinstance(size, int) else list(size)
    step: Step = v2.Resize(wanted, InterpolationMode(interpolation), antialias=True)
    return step


def _random_resized_crop(
    size: int,
    scale: Sequence[float] = (0.08, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
    interpolation: str = "bilinear",
) -> Step:
    mode = InterpolationMode(interpolation)
    step: Step = v2.RandomResizedCrop(size, tuple(scale), tuple(ratio), mode, antialias=True)
    return step


STEPS: Mapping[str, Callable[..., Step]] = {
    "Resize": _resize,
    "CenterCrop": v2.CenterCrop,
    "RandomResizedCrop": _random_resized_crop,
    "RandomHorizontalFlip": v2.RandomHorizontalFlip,
    "ColorJitter": v2.ColorJitter,
    "RandAugment": RandAugment,
    "ThreeCrops": ThreeCrops,
    "FiveViews": FiveViews,
    "Normalize": Normalize,
    "RandomErasing": v2.RandomErasing,
}
"""By the name in a config."""


class Pipeline:
    """The steps of a config, in two parts, so that what is costly and needs no floats can be kept.

    Args:
        specs: one dict per step, its `type` a name in `STEPS`.
    Raises:
        TargetError: an unknown step, wrong arguments, or not exactly one `Normalize`.
    """

    def __init__(self, specs: Sequence[Mapping[str, Any]]) -> None:
        names = [spec.get("type") for spec in specs]
        if unknown := [name for name in names if name not in STEPS]:
            raise TargetError(f"pipeline: step {unknown[0]!r} is unknown; choose one of {', '.join(STEPS)}")
        if names.count("Normalize") != 1:
            raise TargetError(f"pipeline: expected exactly one Normalize step; got {names}")
        steps = [_build(spec) for spec in specs]
        place = names.index("Normalize")
        self._first, self._last = steps[:place], steps[place:]

    def pixels(self, x: Tensor) -> Tensor:
        """Everything before `Normalize`: uint8 to uint8."""
        return _run(self._first, x)

    def finish(self, x: Tensor) -> Tensor:
        """`Normalize` and what follows: uint8 to float32."""
        return _run(self._last, x)

    def __call__(self, x: Tensor) -> Tensor:
        """Both parts."""
        return self.finish(self.pixels(x))


def _build(spec: Mapping[str, Any]) -> Step:
    arguments = {name: value for name, value in spec.items() if name != "type"}
    try:
        return STEPS[spec["type"]](**arguments)
    except (TypeError, ValueError) as error:
        raise TargetError(f"pipeline: step {dict(spec)} cannot be built: {error}") from None


def _run(steps: Sequence[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x
