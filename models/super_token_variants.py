"""The sizes of STViT (super tokens) as plain data: what can be told about a backbone without building it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from models.super_token_geometry import SuperTokenGeometry
from models.super_token_plan import GRIDS, BlockSetting


@dataclass(frozen=True, slots=True)
class SuperTokenSize:
    """One size of STViT (super tokens).

    Args:
        embed_dims, depths, num_heads: channels, blocks and attention heads per stage.
        layer_scale: initial layer scale per stage; None: a stage without it.
        drop_path_rate: of training from scratch.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
        grid: cells per stage, or a name in `GRIDS`; that of classification has a classifier on top.
    """

    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    layer_scale: tuple[float | None, ...]
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str
    grid: str | tuple[int, ...] = "classification"

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the classifier, or of the backbone."""
        names = ("embed_dims", "depths", "num_heads", "layer_scale", "drop_path_rate", "grid")
        return {name: getattr(self, name) for name in names}

    @property
    def geometry(self) -> SuperTokenGeometry:
        """The integers: super tokens, work and space."""
        sides = GRIDS[self.grid] if isinstance(self.grid, str) else self.grid
        own = tuple(BlockSetting((side, side)) for side in sides)
        head = (1024, 1000) if self.grid == "classification" else None
        return SuperTokenGeometry(self.embed_dims, self.depths, own, head=head)


_STVIT = "STViT, super tokens (arXiv 2211.11167)"

STVIT: Mapping[str, SuperTokenSize] = MappingProxyType(
    {
        "stvit_small": SuperTokenSize(
            (64, 128, 320, 512), (3, 5, 9, 3), (1, 2, 5, 8), (None,) * 4, 0.1, (224, 224), _STVIT
        ),
        "stvit_base": SuperTokenSize(
            (96, 192, 384, 512), (4, 6, 14, 6), (2, 3, 6, 8), (None, None, 1e-6, 1e-6), 0.4, (224, 224), _STVIT
        ),
        "stvit_large": SuperTokenSize(
            (96, 192, 448, 640), (4, 7, 19, 8), (2, 3, 7, 10), (None, None, 1e-6, 1e-6), 0.6, (224, 224), _STVIT
        ),
    }
)
"""Classifiers."""

STVIT_BACKBONES: Mapping[str, SuperTokenSize] = MappingProxyType(
    {
        **{f"{name}_backbone": replace(size, grid="detection", input_size=(800, 1280)) for name, size in STVIT.items()},
        "stvit_nano_backbone": SuperTokenSize(
            (24, 48, 96, 160), (1, 2, 4, 1), (1, 2, 4, 5), (None,) * 4, 0.0, (336, 336), "built-in digits", (4, 2, 1, 1)
        ),
    }
)
"""For dense prediction: the maps of the four stages."""
