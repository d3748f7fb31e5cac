"""Which cluster every token belongs to, as maps to be laid over an image or the frames of a clip."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.hourglass_geometry import HourglassGeometry
from models.picture import Picture
from models.plan import Value


def cluster_pictures(
    backbone: nn.Module, geometry: HourglassGeometry, x: Tensor, plan: Mapping[str, Value]
) -> tuple[Picture, ...]:
    """One map of cluster numbers where a plan clusters; none for a dense plan.

    A frame of the map covers as many frames of the clip as a patch does; each is shown once per frame of the clip.

    Args:
        backbone: takes `x`, a plan and a trace.
        geometry: of the backbone.
        x: (B, in_channels, [frames,] height, width).
    """
    hourglass = geometry.parse(plan)
    if hourglass is None:
        return ()
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        backbone(x, plan, seen.__setitem__)
    clip = x.dim() == 5
    size = geometry.maps((int(x.shape[-2]), int(x.shape[-1])), int(x.shape[2]) if clip else 1)[hourglass.stage]
    groups = seen[f"s{hourglass.stage}.membership"].view(-1, *size)
    groups = groups.repeat_interleave(geometry.patch[0], dim=1)[:, : x.shape[2]] if clip else groups.squeeze(1)
    height, width = (float(side * 2**hourglass.stage) for side in geometry.patch[1:])
    title = f"stage {hourglass.stage}, block {hourglass.block}"
    return (Picture(title, "groups", groups, (height, width)),)
