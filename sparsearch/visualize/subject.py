"""A model that looks at an image: what it sees, and what it does under a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.plan import Plan, Value
from sparsearch.visualize.plans import Asked
from sparsearch.visualize.records import Array, Map, Seen
from sparsearch.visualize.results import detections, scores

FRAMES = 4
"""Frames of a clip that are shown, spread over all of it."""


@dataclass(frozen=True)
class Subject:
    """A loaded model and what it looks at.

    Args:
        model: in evaluation mode; its `backbone` may draw pictures.
        batch: arguments of its forward pass.
        x: (1, 3, height, width) or (1, 3, frames, height, width), what the backbone receives.
        several: whether it receives several views of a file at a time; then `x` is the middle one.
        norm: `mean`, `std` and `to_rgb` that the pipeline normalised with.
        size: (height, width) of the image in `x`; the rest is padding.
        classes: names.
    """

    model: Any
    batch: Mapping[str, Any]
    x: Any
    several: bool
    norm: Mapping[str, Any]
    size: tuple[int, int]
    classes: Sequence[str]

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of `x`, padding included."""
        return int(self.x.shape[-2]), int(self.x.shape[-1])

    @property
    def clip(self) -> int:
        """Frames of `x`; 1 for images."""
        return int(self.x.shape[2]) if self.x.dim() == 5 else 1

    def plan(self, asked: Asked) -> tuple[str, Plan]:
        """A name for a plan, and the plan.

        Raises:
            PlanError: the backbone cannot run it.
        """
        backbone = self.model.backbone
        space = backbone.space(self.input_size)
        known = {"dense": space.dense, "floor": space.sparsest}
        plan = asked if isinstance(asked, Plan) else known.get(asked)
        if plan is None:
            plan = Plan.of(getattr(backbone, "plan", None) or {})
        backbone.work(plan, self.input_size)  # complains of what it does not know
        words = in_words(plan, space.dense)
        prefix = {"config": "plan of the config: ", "floor": "floor: "}
        return (prefix.get(asked, "") if isinstance(asked, str) else "") + words, plan

    def frames(self) -> Array:
        """(frames, height, width, 3) RGB in 0..255: the input without its normalisation and its padding."""
        x = self.x[0].float().cpu().numpy()
        clip = x[:, None] if x.ndim == 3 else x
        mean, std = (np.asarray(self.norm.get(name, usual), float) for name, usual in (("mean", 0), ("std", 1)))
        height, width = self.size
        pixels = clip[:, shown(clip.shape[1]), :height, :width].transpose(1, 2, 3, 0) * std + mean
        if not self.norm.get("to_rgb", False):  # files are read as BGR
            pixels = pixels[..., ::-1]
        frames: Array = pixels.round().clip(0, 255).astype(np.uint8)
        return frames

    def see(self, name: str, plan: Plan, threshold: float) -> Seen:
        """Run the model, and ask its backbone for pictures.

        Args:
            name: of the plan.
            plan: one that `plan` gave.
            threshold: least score of a detection.
        """
        import torch

        from models.mmdet_adapter import use_plan

        backbone = self.model.backbone
        with torch.inference_mode():
            with use_plan(plan):
                # boxes in pixels of what the network sees, not of the file
                result = self.model(return_loss=False, rescale=False, **self.batch)[0]
            # a dense backbone without knobs has none: its row shows the result alone
            pictures = backbone.pictures(self.x, plan) if hasattr(backbone, "pictures") else ()
        maps = []
        for one in pictures:
            values = one.values[0].cpu().numpy()
            values = values if values.ndim == 3 else values[None]
            places = [frame * len(values) // self.clip for frame in shown(self.clip)]
            maps.append(Map(one.title, one.kind, values[places], one.cell))
        dense = backbone.space(self.input_size).dense
        macs, most = (backbone.work(which, self.input_size).macs for which in (plan, dense))
        varies = bool(backbone.depends_on_content(plan)) if hasattr(backbone, "depends_on_content") else False
        objects, classes = None, None
        if isinstance(result, np.ndarray):
            classes = scores(result, self.classes)
        else:
            objects = detections(result, self.classes, threshold)
        return Seen(name, plan, macs, most, tuple(maps), objects, classes, varies)


def in_words(plan: Mapping[str, Value], dense: Mapping[str, Value]) -> str:
    """The knobs that differ from the dense plan, or "dense"."""
    unlike = [f"{knob}={value}" for knob, value in plan.items() if dense.get(knob) != value]
    return ", ".join(unlike) or "dense"


def shown(frames: int) -> list[int]:
    """Which frames of a clip are shown: from the middle of as many equal parts."""
    count = min(FRAMES, frames)
    return [(2 * part + 1) * frames // (2 * count) for part in range(count)]
