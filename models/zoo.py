"""The backbones by name. A new family costs one line in `FAMILIES`; its sizes are data in a file of its own.

Importing this module imports no torch: what a size can be told by its numbers alone is told without building it.
"""

import builtins
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from models.errors import ModelError
from models.hourglass_variants import HOURGLASS_SWIN, VIDEO_SWIN
from models.plan import Plan, Value
from models.space import Space
from models.sparsevit_variants import SPARSEVIT
from models.stvit_r_variants import STVIT_R, STVIT_R_CLASSIFIERS
from models.super_token_variants import STVIT, STVIT_BACKBONES
from models.svit_variants import SVIT_ADAPTER, VIT_ADAPTER
from models.work import Work

if TYPE_CHECKING:
    from torch import Tensor, nn


class Geometry(Protocol):
    """The integers of a backbone."""

    def space(self, input_size: tuple[int, int]) -> Space:
        """The legal plans at (height, width) pixels."""
        ...

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """What a plan computes for one image of (height, width) pixels."""
        ...


class Backbone(Protocol):
    """What search and latency ask of a backbone; every backbone in the zoo is also an `nn.Module`.

    It may offer more, each used where it is there: `draw_plan(rng)`, a random plan for adaptation;
    `fit_checkpoint(state)`, see `models.fitting`; `pictures(x, plan)`, see `models.picture`; `frames`, where it takes
    clips of so many frames; `depends_on_content(plan)`, where latency may depend on the images.
    """

    def space(self, input_size: tuple[int, int]) -> Space:
        """The legal plans at (height, width) pixels."""
        ...

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """What a plan computes for one image of (height, width) pixels."""
        ...

    def forward(self, x: "Tensor", plan: Plan) -> Any:
        """Feature maps, or logits, of a batch under a plan."""
        ...


class Size(Protocol):
    """One size of a family, as plain data."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Constructor arguments."""
        ...

    @property
    def geometry(self) -> Geometry:
        """What the options mean in integers."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) in pixels it is usually run at."""
        ...

    @property
    def source(self) -> str:
        """Where the numbers come from."""
        ...


class Paper(NamedTuple):
    """Where a method was published."""

    arxiv: str
    title: str


@dataclass(frozen=True, slots=True)
class Family:
    """Backbones that share a class.

    Args:
        name: what people call it.
        path: its class, as `module:class`; the module is imported when one is built.
        sizes: by the name of the variant.
        paper: its source.
    """

    name: str
    path: str
    sizes: Mapping[str, Size]
    paper: Paper

    @property
    def type(self) -> str:
        """Name of the class, by which mmdet knows it."""
        return self.path.partition(":")[2]

    def load(self) -> "builtins.type[nn.Module]":
        """The class."""
        loaded: builtins.type[nn.Module] = getattr(importlib.import_module(self.path.partition(":")[0]), self.type)
        return loaded


_SPARSEVIT = Paper(
    "2303.17605", "SparseViT: Revisiting Activation Sparsity for Efficient High-Resolution Vision Transformer"
)
_STVIT_R = Paper("2303.08685", "Making Vision Transformers Efficient from A Token Sparsification View")
_STVIT = Paper("2211.11167", "Vision Transformer with Super Token Sampling")
_SVIT = Paper("2306.07050", "Revisiting Token Pruning for Object Detection and Instance Segmentation")
_HOURGLASS = Paper("2210.01035", "Expediting Large-Scale Vision Transformer for Dense Prediction without Fine-tuning")
_ADAPTER = Paper("2205.08534", "Vision Transformer Adapter for Dense Predictions")


FAMILIES: tuple[Family, ...] = (
    Family("SparseViT", "models.sparsevit:SparseViT", SPARSEVIT, _SPARSEVIT),
    Family("STViT-R", "models.stvit_r:STViTR", STVIT_R, _STVIT_R),
    Family("STViT-R classification", "models.stvit_r_cls:STViTRClassifier", STVIT_R_CLASSIFIERS, _STVIT_R),
    Family("SViT-Adapter", "models.svit:SelectiveViTAdapter", SVIT_ADAPTER, _SVIT),
    Family("ViT-Adapter", "models.vit_adapter:ViTAdapter", VIT_ADAPTER, _ADAPTER),
    Family("STViT dense prediction", "models.super_token:SuperTokenViT", STVIT_BACKBONES, _STVIT),
    Family("Hourglass Swin", "models.hourglass_swin:HourglassSwin", HOURGLASS_SWIN, _HOURGLASS),
    Family("Hourglass Video Swin", "models.video_swin:VideoSwin", VIDEO_SWIN, _HOURGLASS),
    Family("STViT classification", "models.super_token:SuperTokenClassifier", STVIT, _STVIT),
)

ZOO: dict[str, tuple[Family, Size]] = {
    name: (family, size) for family in FAMILIES for name, size in family.sizes.items()
}
"""Every variant by name."""


def family_of(type_name: str) -> Family | None:
    """The family that mmdet configs call `type_name`; None: it is none of the zoo's."""
    return next((family for family in FAMILIES if family.type == type_name), None)


def build(name: str, **overrides: Any) -> "nn.Module":
    """A backbone of the zoo, with fresh weights.

    Raises:
        ModelError: no such name.
    """
    if name not in ZOO:
        raise ModelError(f"unknown backbone {name!r}; the zoo has {', '.join(ZOO)}")
    family, size = ZOO[name]
    return family.load()(**{**size.options, **overrides})
