"""The backbones by name. A new one costs one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from models.errors import ModelError
from models.plan import Value
from models.space import Space
from models.sparsevit import SparseViT
from models.work import Work


class Backbone(Protocol):
    """What search and latency ask of a backbone; every backbone in the zoo is also an `nn.Module`."""

    def space(self, input_size: tuple[int, int]) -> Space:
        """The legal plans at (height, width) pixels."""

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """What a plan computes for one image of (height, width) pixels."""

    def forward(self, x: Tensor, plan: Mapping[str, Value]) -> tuple[Tensor, ...]:
        """Feature maps of a batch of images under a plan."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of the zoo.

    Args:
        build: the class.
        options: its constructor arguments.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
    """

    build: Callable[..., nn.Module]
    options: Mapping[str, Any]
    input_size: tuple[int, int]
    source: str


_NANO = {"embed_dims": 24, "depths": (2, 2, 6, 2), "num_heads": (1, 2, 4, 8), "drop_path_rate": 0.0}
_SPARSEVIT = "arXiv 2303.17605"
_SWIN = "Swin (arXiv 2103.14030), run sparsely"

ZOO: dict[str, Variant] = {
    "sparsevit_tiny": Variant(
        SparseViT,
        {"embed_dims": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24), "drop_path_rate": 0.2},
        (672, 672),
        _SPARSEVIT,
    ),
    "sparsevit_small": Variant(
        SparseViT,
        {"embed_dims": 96, "depths": (2, 2, 18, 2), "num_heads": (3, 6, 12, 24), "drop_path_rate": 0.2},
        (672, 672),
        _SWIN,
    ),
    "sparsevit_base": Variant(
        SparseViT,
        {"embed_dims": 128, "depths": (2, 2, 18, 2), "num_heads": (4, 8, 16, 32), "drop_path_rate": 0.3},
        (672, 672),
        _SWIN,
    ),
    "sparsevit_nano": Variant(SparseViT, _NANO, (224, 224), "built-in digits model"),
}


def build(name: str, **overrides: Any) -> nn.Module:
    """A backbone of the zoo, with fresh weights.

    Raises:
        ModelError: no such name.
    """
    if name not in ZOO:
        raise ModelError(f"unknown backbone {name!r}; the zoo has {', '.join(ZOO)}")
    variant = ZOO[name]
    return variant.build(**{**variant.options, **overrides})
