"""The sizes of Video Swin and of Swin with clustering, as plain data: what can be told without building one."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.hourglass_geometry import HourglassGeometry
from models.hourglass_plan import Defaults
from models.hourglass_plan import Size as Axes
from models.hourglass_rules import ClippedBias, Padding, Rules

USUAL = Defaults()
"""As published for Kinetics-400, and for DINO but for its 3 iterations."""


@dataclass(frozen=True, slots=True)
class VideoSwinSize:
    """One size of Video Swin.

    Args:
        frames: frames of a clip.
        embed_dims: channels of the first stage.
        depths, num_heads: blocks and attention heads per stage.
        window_size: (frames, rows, columns) of a window in tokens.
        drop_path_rate: of training.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
        defaults: how it clusters where a plan does not say.
        clipped_bias: how windows that a map clips read their table, see `ClippedBias`.
    """

    frames: int
    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    window_size: Axes
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str
    defaults: Defaults = USUAL
    clipped_bias: ClippedBias = "prefix"

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone."""
        names = ("frames", "embed_dims", "depths", "num_heads", "window_size", "drop_path_rate", "clipped_bias")
        return {name: getattr(self, name) for name in names} | _how(self.defaults)

    @property
    def geometry(self) -> HourglassGeometry:
        """Its integers: maps, work and space."""
        rules = Rules(clip_windows=True, label_map="trilinear", clipped_bias=self.clipped_bias)
        return HourglassGeometry(
            self.embed_dims, self.depths, self.window_size, (2, 4, 4), self.frames, rules, self.defaults
        )


@dataclass(frozen=True, slots=True)
class HourglassSwinSize:
    """One size of Swin for images.

    Args:
        embed_dims: channels of the first stage.
        depths, num_heads: blocks and attention heads per stage.
        window_size: side of a window in tokens.
        drop_path_rate: of training.
        input_size: (height, width) in pixels it is usually run at.
        source: where the numbers come from.
        padding: how its weights were trained, see `Padding`.
        defaults: how it clusters where a plan does not say.
    """

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    window_size: int
    drop_path_rate: float
    input_size: tuple[int, int]
    source: str
    padding: Padding = "after_norm"
    defaults: Defaults = USUAL

    @property
    def options(self) -> dict[str, Any]:
        """Constructor arguments of the backbone."""
        names = ("embed_dims", "depths", "num_heads", "window_size", "drop_path_rate", "padding")
        return {name: getattr(self, name) for name in names} | _how(self.defaults)

    @property
    def geometry(self) -> HourglassGeometry:
        """Its integers: maps, work and space."""
        rules = Rules(clip_windows=False, padding=self.padding, clipped_bias="exact", shift_mask="trained")
        window = (1, self.window_size, self.window_size)
        return HourglassGeometry(self.embed_dims, self.depths, window, (1, 4, 4), 1, rules, self.defaults)


def _how(defaults: Defaults) -> dict[str, Any]:
    return {name: getattr(defaults, name) for name in ("iterations", "neighbourhood", "temperature", "k")}


_VIDEO = "Video Swin (arXiv 2106.13230), clustered (arXiv 2210.01035)"
_IMAGE = "Swin (arXiv 2103.14030), clustered (arXiv 2210.01035)"
_TINY, _DEEP = (2, 2, 6, 2), (2, 2, 18, 2)
_TINY_HEADS, _BASE_HEADS, _LARGE_HEADS = (3, 6, 12, 24), (4, 8, 16, 32), (6, 12, 24, 48)

_DIGITS = Defaults(neighbourhood=3, temperature=0.5, k=5)
"""Chosen by `hourglass_calibrate` for the shipped dense weights on digits images of 336 x 336 pixels."""

_CLIPS = Defaults(neighbourhood=5, temperature=0.3, k=5)
"""The same for the shipped weights on clips of moving digits."""

VIDEO_SWIN: Mapping[str, VideoSwinSize] = MappingProxyType(
    {
        "video_swin_tiny": VideoSwinSize(32, 96, _TINY, _TINY_HEADS, (8, 7, 7), 0.1, (224, 224), _VIDEO),
        "video_swin_small": VideoSwinSize(32, 96, _DEEP, _TINY_HEADS, (8, 7, 7), 0.1, (224, 224), _VIDEO),
        "video_swin_base": VideoSwinSize(32, 128, _DEEP, _BASE_HEADS, (8, 7, 7), 0.3, (224, 224), _VIDEO),
        "video_swin_base_sthv2": VideoSwinSize(32, 128, _DEEP, _BASE_HEADS, (16, 7, 7), 0.4, (224, 224), _VIDEO),
        "video_swin_large": VideoSwinSize(32, 192, _DEEP, _LARGE_HEADS, (8, 12, 12), 0.5, (384, 384), _VIDEO),
        "video_swin_nano": VideoSwinSize(
            8, 24, (1, 1, 6, 1), (1, 2, 4, 8), (4, 4, 4), 0.0, (64, 64), "built-in moving digits", _CLIPS, "exact"
        ),
    }
)

HOURGLASS_SWIN: Mapping[str, HourglassSwinSize] = MappingProxyType(
    {
        "hourglass_swin_tiny": HourglassSwinSize(96, _TINY, _TINY_HEADS, 7, 0.2, (800, 1344), _IMAGE),
        "hourglass_swin_small": HourglassSwinSize(96, _DEEP, _TINY_HEADS, 7, 0.2, (800, 1344), _IMAGE),
        "hourglass_swin_base": HourglassSwinSize(128, _DEEP, _BASE_HEADS, 7, 0.3, (800, 1344), _IMAGE),
        "hourglass_swin_large": HourglassSwinSize(192, _DEEP, _LARGE_HEADS, 12, 0.3, (800, 1344), _IMAGE),
        "hourglass_swin_nano": HourglassSwinSize(
            24, _TINY, (1, 2, 4, 8), 7, 0.0, (224, 224), "built-in digits model", "before_norm", _DIGITS
        ),
    }
)
