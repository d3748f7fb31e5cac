"""What is drawn: the frames the network saw, and per plan its maps and its result."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.plan import Plan

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Map:
    """One map of a backbone for one image or clip.

    Args:
        title, kind, cell: see `models.picture.Picture`.
        values: (frames, rows, columns); one frame for images.
    """

    title: str
    kind: Literal["kept", "groups"]
    values: Array
    cell: tuple[float, float]

    @property
    def stage(self) -> str:
        """The stage that the title names; a map whose title names none is a stage of its own."""
        return self.title.rpartition(",")[0] or self.title

    @property
    def kept(self) -> float | None:
        """Share that is processed, 0..1; None for groups."""
        return float(self.values.mean()) if self.kind == "kept" else None

    @property
    def groups(self) -> int | None:
        """Groups that own something; None for shares."""
        return len(np.unique(self.values)) if self.kind == "groups" else None

    @property
    def alone(self) -> bool:
        """Whether every entry is a group of its own."""
        return self.kind == "groups" and self.groups == self.values.size


@dataclass(frozen=True, slots=True)
class Detection:
    """One object.

    Args:
        label: name of its class.
        number: of its class.
        score: 0..1.
        box: left, top, right, bottom in pixels of the frame that is shown.
        mask: (height, width) booleans; None: boxes only.
    """

    label: str
    number: int
    score: float
    box: tuple[float, float, float, float]
    mask: Array | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model did with the image under one plan.

    Args:
        name: the plan in words.
        plan: the plan.
        macs, dense_macs: multiply-accumulates of the backbone for one image, under the plan and dense.
        maps: in the order of the network.
        detections: best first, those above the threshold; None for classifiers.
        scores: (class, score), best first; None for detectors.
        by_content: how much is computed depends on the image, and the MACs are those that the plan aims at.
    """

    name: str
    plan: Plan
    macs: float
    dense_macs: float
    maps: tuple[Map, ...]
    detections: tuple[Detection, ...] | None = None
    scores: tuple[tuple[str, float], ...] | None = None
    by_content: bool = False

    @property
    def share(self) -> float:
        """MACs in units of the dense plan's."""
        return self.macs / self.dense_macs


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything on one drawing.

    Args:
        name: of the image file.
        frames: (frames, height, width, 3) RGB in 0..255, what the network saw without its padding.
        rows: one per plan.
        threshold: least score of a detection.
        by_stage: the rows hold one map of a kind per stage, which need not be of the same block.
        clip: frames of the clip that the shown ones were chosen from; 1 for images.
        several: whether this is one of several views that the network sees of a file.
    """

    name: str
    frames: Array
    rows: tuple[Seen, ...]
    threshold: float
    by_stage: bool = False
    clip: int = 1
    several: bool = False


def last_of_each_stage(maps: tuple[Map, ...]) -> tuple[Map, ...]:
    """Of every stage the last map of each kind, in order."""
    last: dict[tuple[str, str], int] = {}
    for place, one in enumerate(maps):
        last[one.stage, one.kind] = place
    return tuple(maps[place] for place in sorted(last.values()))
