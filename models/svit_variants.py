"""The sizes of ViT-Adapter and SViT as plain data: what can be told about a backbone without building it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from models.svit_geometry import SvitGeometry
from models.vit_adapter_geometry import AdapterGeometry

_DEPTH = 12

_WINDOWS = (14, 14, None) * 4
"""Two of three blocks in windows, the last of each interaction among all tokens."""


@dataclass(frozen=True, slots=True)
class AdapterSize:
    """One size of the dense ViT-Adapter.

    Args:
        embed_dim, num_heads: channels and attention heads.
        drop_path_rate: of training the detector.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
        conv_inplane: channels of the convolutional stem.
        deform_num_heads: heads of the deformable attention.
        windowed: two of three blocks in windows, and branches scaled per channel.
    """

    embed_dim: int
    num_heads: int
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str
    conv_inplane: int = 64
    deform_num_heads: int = 6
    windowed: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone."""
        names = ("embed_dim", "num_heads", "drop_path_rate", "conv_inplane", "deform_num_heads")
        options = {name: getattr(self, name) for name in names}
        return options | ({"layer_scale": True, "window_size": _WINDOWS} if self.windowed else {})

    @property
    def geometry(self) -> AdapterGeometry:
        """The integers of the backbone: tokens and work."""
        return AdapterGeometry(
            self.embed_dim,
            windows=_WINDOWS if self.windowed else (None,) * _DEPTH,
            conv_inplane=self.conv_inplane,
            deform_num_heads=self.deform_num_heads,
            cffn=self.embed_dim // 4,
        )


@dataclass(frozen=True, slots=True)
class SvitSize:
    """One size of SViT.

    Args:
        dense: its dense parent.
        source: where the numbers come from.
    """

    dense: AdapterSize
    source: str

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone."""
        return self.dense.options

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) in pixels it is usually run at."""
        return self.dense.input_size

    @property
    def geometry(self) -> SvitGeometry:
        """The integers of the backbone: tokens, work and space."""
        return SvitGeometry.of(self.dense.geometry)


_ADAPTER = "ViT-Adapter (arXiv 2205.08534), as in SViT (arXiv 2306.07050)"
_SVIT = "SViT (arXiv 2306.07050)"

_TINY = AdapterSize(192, 3, 0.1, (800, 1344), _ADAPTER)
_SMALL = AdapterSize(384, 6, 0.2, (800, 1344), _ADAPTER)
_NANO = AdapterSize(96, 3, 0.0, (224, 224), "built-in digits model", conv_inplane=16, deform_num_heads=3)

VIT_ADAPTER: Mapping[str, AdapterSize] = MappingProxyType(
    {
        "vit_adapter_tiny": _TINY,
        "vit_adapter_small": _SMALL,
        "vit_adapter_window_tiny": replace(_TINY, windowed=True),
        "vit_adapter_window_small": replace(_SMALL, windowed=True),
        "vit_adapter_nano": _NANO,
    }
)

SVIT_ADAPTER: Mapping[str, SvitSize] = MappingProxyType(
    {
        "svit_adapter_tiny": SvitSize(_TINY, _SVIT),
        "svit_adapter_small": SvitSize(_SMALL, _SVIT),
        "svit_adapter_nano": SvitSize(_NANO, "built-in digits model"),
    }
)
