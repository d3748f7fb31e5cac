"""What is timed, as a module with `forward(x, plan)`: a backbone, or a whole model up to its heads' raw outputs."""

from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from models.plan import Plan
from models.zoo import FAMILIES, ZOO, Backbone, build
from search.errors import TargetError


class WholeModel(nn.Module):
    """A model of an mmdet config under a plan: images, or clips, to raw outputs of its heads.

    Detections are neither decoded nor suppressed, scores of classes not normalised.

    Args:
        model: with a backbone of this project.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def frames(self) -> int | None:
        """Frames of a clip; None: the model takes images."""
        frames = getattr(self.model.backbone, "frames", None)
        return frames if isinstance(frames, int) else None

    def forward(self, x: Tensor, plan: Plan) -> Any:
        """Raw outputs for images of shape (batch, 3, height, width), or clips (batch, 3, frames, height, width)."""
        from models.mmdet_adapter import use_plan

        with use_plan(plan):
            return cast(Any, self.model).forward_dummy(x)


def load(name: str, checkpoint: Path | None, scope: str) -> tuple[nn.Module, Backbone]:
    """The module to time, and the backbone that knows its space.

    Args:
        name: a backbone of the zoo, or the path of an mmdet config.
        checkpoint: weights; None: fresh ones, which take as long.
        scope: "backbone" or "model".
    Raises:
        TargetError: no such name or file, or a scope that does not go with it.
        CheckpointError: the weights do not fit.
    """
    from models.checkpoint import load_backbone, load_detector

    if name in ZOO:
        if scope == "model":
            raise TargetError(f"{name} is a backbone; --scope model needs an mmdet config")
        backbone = build(name)
        if checkpoint is not None:
            load_backbone(backbone, checkpoint)
        return backbone, cast(Backbone, backbone)
    if not Path(name).is_file():
        raise TargetError(f"{name!r} is neither an mmdet config file nor a backbone of the zoo ({', '.join(ZOO)})")
    from search.export.model import build_detector, read_config

    config = read_config(Path(name))
    if "model" not in config:
        raise TargetError(f"config {name} has no `model`; give an mmdet config")
    detector = build_detector(config)
    if not all(hasattr(detector.backbone, part) for part in ("space", "work")):
        raise TargetError(
            f"config {name}: backbone {type(detector.backbone).__name__} has no sparsity knobs; "
            f"use one of {', '.join(family.type for family in FAMILIES)}"
        )
    if checkpoint is not None and scope == "model":
        load_detector(detector, checkpoint)
    elif checkpoint is not None:
        load_backbone(detector.backbone, checkpoint)
    return (WholeModel(detector) if scope == "model" else detector.backbone), detector.backbone
