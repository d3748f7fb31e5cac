"""The sizes of the zoo's backbones as plain data: what can be told about a backbone without building it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.sparsevit_geometry import Geometry
from models.super_token_geometry import SuperTokenGeometry
from models.super_token_plan import GRIDS, BlockSetting


@dataclass(frozen=True, slots=True)
class Size:
    """One size of SparseViT.

    Args:
        embed_dims: channels of the first stage.
        depths: blocks per stage.
        num_heads: attention heads per stage.
        drop_path_rate: of training from scratch.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
    """

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone."""
        return {name: getattr(self, name) for name in ("embed_dims", "depths", "num_heads", "drop_path_rate")}

    @property
    def geometry(self) -> Geometry:
        """Its integers: windows, work and space."""
        return Geometry(self.embed_dims, self.depths)


_SPARSEVIT = "arXiv 2303.17605"
_SWIN = "Swin (arXiv 2103.14030), run sparsely"

SPARSEVIT: Mapping[str, Size] = MappingProxyType(
    {
        "sparsevit_tiny": Size(96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2, (672, 672), _SPARSEVIT),
        "sparsevit_small": Size(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.2, (672, 672), _SWIN),
        "sparsevit_base": Size(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.3, (672, 672), _SWIN),
        "sparsevit_nano": Size(24, (2, 2, 6, 2), (1, 2, 4, 8), 0.0, (224, 224), "built-in digits model"),
    }
)


@dataclass(frozen=True, slots=True)
class SuperTokenSize:
    """One size of STViT (super tokens).

    Args:
        embed_dims, depths, num_heads: channels, blocks and attention heads per stage.
        layer_scale: initial layer scale per stage; None: a stage without it.
        drop_path_rate: of training from scratch.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
    """

    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    layer_scale: tuple[float | None, ...]
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the classifier and of the backbone."""
        names = ("embed_dims", "depths", "num_heads", "layer_scale", "drop_path_rate")
        return {name: getattr(self, name) for name in names}

    @property
    def geometry(self) -> SuperTokenGeometry:
        """The integers of the classifier: super tokens, work and space."""
        own = tuple(BlockSetting((side, side)) for side in GRIDS["classification"])
        return SuperTokenGeometry(self.embed_dims, self.depths, own, head=(1024, 1000))


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
