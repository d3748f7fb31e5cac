"""Calibration of a plan of a model on its own data: images of the search split, labels unused."""

import copy
from pathlib import Path

import torch

from latency.setting import Setting
from models.calibration import Calibrates, Tell
from models.plan import Plan
from search.content import content
from search.errors import TargetError
from search.timed import load


def calibrate(
    config: Path, checkpoint: Path, plan: Plan, input_size: tuple[int, int], images: int, device: str, tell: Tell
) -> Plan:
    """The plan with its open knobs settled.

    Args:
        config, checkpoint: of the model.
        plan: what is asked for.
        input_size: (height, width) in pixels that the images are brought to.
        images: at most so many, of the search split.
        device: "cpu" or "cuda:0".
        tell: told of progress.
    Raises:
        TargetError: config, weights or data cannot be used, or this backbone has nothing to calibrate.
        ModelError: the plan cannot be calibrated.
    """
    _, backbone = load(str(config), checkpoint, "backbone")
    if not isinstance(backbone, Calibrates) or not isinstance(backbone, torch.nn.Module):
        raise TargetError(f"config {config}: {type(backbone).__name__} has no knobs that images settle")
    place = torch.device(device)
    batches, said = content(config, Setting(batch=4, input_size=input_size, device=device), images)
    tell(said)
    ready = copy.deepcopy(backbone).to(place).eval()
    return ready.calibrated(plan, [batch.to(place) for batch in batches], tell)
