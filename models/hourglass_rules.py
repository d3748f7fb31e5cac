"""Where hourglass transformers were released with quirks, and where the 2-D and the 3-D code disagree: one name each.

Every default is what the released checkpoints were evaluated with. Standard library only.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from models.errors import InputError

Padding: TypeAlias = Literal["after_norm", "before_norm"]
"""Whether border windows are filled up with zeros after LayerNorm (Swin) or before it (SparseViT: the norm's bias)."""

ClippedBias: TypeAlias = Literal["prefix", "exact"]
"""Which relative positions the tokens of a window have that is clipped to a small map.

prefix: those of the first tokens of the whole window (released code for videos): other offsets than the tokens really
have, unless only frames are clipped. exact: their own.
"""

ShiftMask: TypeAlias = Literal["trained", "own"]
"""Where the mask of shifted windows of clusters takes the borders between neighbours to be.

trained: where the shift of the dense windows would put them (released code for images): other pairs than the shift
brought together are hidden. own: where the shift of the clusters' windows puts them (released code for videos).
"""

LabelMap: TypeAlias = Literal["trilinear", "nearest"]
"""How the clusters' numbers spread over the window.

nearest: every token gets the number of one cluster (released code for images). trilinear: numbers are interpolated, so
that a token between two rows of clusters gets a fraction whose remainder modulo the row length is another column
(released code for videos): it lets in far clusters and keeps out some near ones.
"""

RowNorm: TypeAlias = Literal["l2", "sum"]
"""How the kept weights of a token are scaled: to length 1 (released code), or to sum 1 (the paper's average).

l2 makes a token up to sqrt(k) times as large as a cluster. The LayerNorm that follows every stage does not mind.
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """All of them.

    Args:
        clip_windows: shrink a window to a map that is smaller, and do not shift it there (videos), or fill the map up.
        clip_clusters: the same for the windows that are clustered; else small maps are filled up, and may grow.
        padding, clipped_bias, shift_mask, label_map, row_norm: see the types.
    Raises:
        InputError: an unknown name.
    """

    clip_windows: bool
    clip_clusters: bool = False
    padding: Padding = "after_norm"
    clipped_bias: ClippedBias = "prefix"
    shift_mask: ShiftMask = "own"
    label_map: LabelMap = "nearest"
    row_norm: RowNorm = "l2"

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            if getattr(self, name) not in get_args(kind):
                choices = " or ".join(map(repr, get_args(kind)))
                raise InputError(f"{name}={getattr(self, name)!r} must be {choices}")


_KINDS = {
    "padding": Padding,
    "clipped_bias": ClippedBias,
    "shift_mask": ShiftMask,
    "label_map": LabelMap,
    "row_norm": RowNorm,
}
