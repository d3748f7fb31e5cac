"""The sizes of SparseViT as plain data: what can be told about a backbone without building it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.sparsevit_geometry import Geometry


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
