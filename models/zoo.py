"""The backbones by name. A new family costs one line here, a new size one in `models.variants`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from models.errors import ModelError
from models.plan import Value
from models.space import Space
from models.sparsevit import SparseViT
from models.stvit_r import STViTR
from models.stvit_r_cls import STViTRClassifier
from models.stvit_r_variants import STVIT_R
from models.super_token import SuperTokenClassifier, SuperTokenViT
from models.variants import SPARSEVIT, STVIT
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


ZOO: dict[str, Variant] = {
    **{name: Variant(SparseViT, size.options, size.input_size, size.source) for name, size in SPARSEVIT.items()},
}

UNLISTED: dict[str, Variant] = {
    **{name: Variant(SuperTokenClassifier, size.options, size.input_size, size.source) for name, size in STVIT.items()},
    **{
        f"{name}_backbone": Variant(SuperTokenViT, size.options, (800, 1280), size.source)
        for name, size in STVIT.items()
    },
    **{name: Variant(STViTR, size.options, size.input_size, size.source) for name, size in STVIT_R.items()},
    **{
        f"{name}_classifier": Variant(STViTRClassifier, size.classifier_options, (224, 224), size.source)
        for name, size in STVIT_R.items()
    },
}
"""Built by name like the others, but not yet offered by the service and the command line, which read `ZOO`."""


def build(name: str, **overrides: Any) -> nn.Module:
    """A backbone of the zoo, with fresh weights.

    Raises:
        ModelError: no such name.
    """
    known = ZOO | UNLISTED
    if name not in known:
        raise ModelError(f"unknown backbone {name!r}; the zoo has {', '.join(known)}")
    variant = known[name]
    return variant.build(**{**variant.options, **overrides})
