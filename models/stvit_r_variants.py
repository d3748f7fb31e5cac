"""The sizes of STViT-R as plain data: what can be told about a backbone without building it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from models.stvit_r_geometry import StvitRGeometry


@dataclass(frozen=True, slots=True)
class StvitRSize:
    """One size of STViT-R.

    Args:
        embed_dims: channels of the first stage.
        depths, num_heads: blocks and attention heads per stage.
        drop_path_rate: of training.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
        detection: the forward for detection, or that for classification.
    """

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str
    detection: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone, or of the classifier."""
        return {name: getattr(self, name) for name in ("embed_dims", "depths", "num_heads", "drop_path_rate")}

    @property
    def geometry(self) -> StvitRGeometry:
        """The integers: tokens, work and space."""
        return StvitRGeometry(self.embed_dims, self.depths, detection=self.detection)


_SOURCE = "STViT-R (arXiv 2303.08685)"

STVIT_R: Mapping[str, StvitRSize] = MappingProxyType(
    {
        "stvit_r_tiny": StvitRSize(96, (2, 2, 6, 2), (3, 6, 12, 24), 0.2, (800, 1344), _SOURCE),
        "stvit_r_small": StvitRSize(96, (2, 2, 18, 2), (3, 6, 12, 24), 0.2, (800, 1344), _SOURCE),
        "stvit_r_base": StvitRSize(128, (2, 2, 18, 2), (4, 8, 16, 32), 0.3, (800, 1344), _SOURCE),
        "stvit_r_nano": StvitRSize(24, (2, 2, 12, 2), (1, 2, 4, 8), 0.0, (336, 336), "built-in digits model"),
    }
)
"""Backbones for detection."""

_CLASSIFIER_DROP_PATH = {"stvit_r_tiny": 0.2, "stvit_r_small": 0.3, "stvit_r_base": 0.4}

STVIT_R_CLASSIFIERS: Mapping[str, StvitRSize] = MappingProxyType(
    {
        f"{name}_classifier": replace(STVIT_R[name], drop_path_rate=rate, input_size=(224, 224), detection=False)
        for name, rate in _CLASSIFIER_DROP_PATH.items()
    }
)
