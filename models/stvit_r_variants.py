"""The sizes of STViT-R as plain data: what can be told about a backbone without building it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.stvit_r_geometry import StvitRGeometry


@dataclass(frozen=True, slots=True)
class StvitRSize:
    """One size of STViT-R.

    Args:
        embed_dims: channels of the first stage.
        depths, num_heads: blocks and attention heads per stage.
        drop_path_rate: of training the detector.
        classifier_drop_path_rate: of training the classifier from scratch.
        input_size: (height, width) in pixels the detector is usually run at.
        source: where the numbers come from.
    """

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    drop_path_rate: float
    classifier_drop_path_rate: float
    input_size: tuple[int, int]
    source: str

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone."""
        return {name: getattr(self, name) for name in ("embed_dims", "depths", "num_heads", "drop_path_rate")}

    @property
    def classifier_options(self) -> dict[str, Any]:
        """Constructor arguments of the classifier."""
        return {**self.options, "drop_path_rate": self.classifier_drop_path_rate}

    @property
    def geometry(self) -> StvitRGeometry:
        """The integers of the backbone: tokens, work and space."""
        return StvitRGeometry(self.embed_dims, self.depths)


_SOURCE = "STViT-R (arXiv 2303.08685)"

STVIT_R: Mapping[str, StvitRSize] = MappingProxyType(
    {
        "stvit_r_tiny": StvitRSize(96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2, 0.2, (800, 1344), _SOURCE),
        "stvit_r_small": StvitRSize(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.2, 0.3, (800, 1344), _SOURCE),
        "stvit_r_base": StvitRSize(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.3, 0.4, (800, 1344), _SOURCE),
    }
)
