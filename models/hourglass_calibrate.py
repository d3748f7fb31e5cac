"""How to cluster at a given place and grid: chosen on a few hundred samples without labels, nothing is trained.

The place and the grid decide the time; rounds, neighbourhood, temperature and k hardly do, and decide how well the map
is kept. Each is taken in turn to the value that brings the outputs closest to the dense network's.
Source: arXiv 2210.01035, section 4.1, sets them by hand per task; the criterion is ours.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from models.calibration import Tell
from models.errors import InputError, PlanError
from models.hourglass_geometry import HourglassGeometry
from models.hourglass_plan import grid_value
from models.plan import Plan, Value

Run: TypeAlias = Callable[[Tensor, Plan], tuple[Tensor, ...] | Tensor]
"""Outputs of a batch under a plan: of the backbone, or of the backbone and a head."""

ORDER = ("temperature", "k", "neighbourhood", "iterations", "temperature", "k")
"""Temperature and k matter most, and are looked at again when the others are settled."""

CHOICES: Mapping[str, tuple[int, ...]] = {"k": (5, 10, 25, 50), "neighbourhood": (3, 5, 7, 11), "iterations": (1, 3, 5)}
SPREADS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Temperatures to try, in units of one over the mean squared distance of tokens from the nearest mean of a cell."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting that was tried.

    Args:
        plan: all knobs.
        distance: mean over samples and outputs of |clustered - dense|^2 / |dense|^2.
    """

    plan: Plan
    distance: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The best of the settings that were tried.

    Args:
        best: the chosen one.
        start: the model's own setting, for comparison.
        tried: all, in order.
        samples: images or clips they were tried on.
    """

    best: Trial
    start: Trial
    tried: tuple[Trial, ...]
    samples: int

    @property
    def plan(self) -> Plan:
        """The chosen plan, with every knob."""
        return self.best.plan

    @property
    def options(self) -> dict[str, Value]:
        """Constructor arguments under which plans that name only place and grid are this one."""
        return {name: value for name, value in self.plan.items() if name != "location"}


Progress: TypeAlias = Callable[[Trial, int, int], None]
"""Told of every trial, with how many are done, and how many there are at most."""


def in_words(tell: Tell) -> Progress:
    """A progress that tells every trial in a line."""

    def told(trial: Trial, done: int, most: int) -> None:
        tell(f"{done} of at most {most}: {trial.plan}, distance {trial.distance:.4g}")

    return told


def calibrate(
    backbone: nn.Module,
    plan: Mapping[str, Value],
    batches: Sequence[Tensor],
    run: Run | None = None,
    choices: Mapping[str, Sequence[Value]] | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Choose how to cluster where `plan` says. Equal arguments give equal answers.

    Args:
        backbone: in evaluation mode.
        plan: names location and grid; what else it names is kept, unless `choices` has values for it.
        batches: inputs without labels; read once per knob, in order.
        run: what is compared; None: the maps of the backbone.
        choices: values to try per knob; what is left out is tried at its usual values.
        progress: see `Progress`.
    Raises:
        InputError: no samples, or the backbone is in training mode.
        PlanError: the plan is dense, or a choice is not legal.
    """
    geometry = backbone.geometry
    assert isinstance(geometry, HourglassGeometry)
    hourglass = geometry.parse(plan)
    if backbone.training or not batches:
        raise InputError("calibration needs a backbone in evaluation mode, and at least one batch")
    if hourglass is None:
        raise PlanError(f"plan {dict(plan)} is dense: there is nothing to calibrate; name a location and a grid")
    settings: dict[str, Value] = {
        "location": plan["location"],
        "grid": grid_value(hourglass.grid, geometry.window),
        "iterations": hourglass.iterations,
        "neighbourhood": hourglass.neighbourhood,
        "temperature": hourglass.temperature,
        "k": hourglass.k,
    }
    start = best = Plan.of(settings)
    offered = {**_usual(backbone, geometry, start, batches[0]), **(choices or {})}
    for name, values in offered.items():
        for value in values:
            geometry.parse({**settings, name: value})
    open_knobs = [name for name in ORDER if name not in plan or name in (choices or {})]
    most = 1 + sum(len(offered[name]) for name in open_knobs)
    tried: dict[Plan, Trial] = {}
    for step in (None, *open_knobs):
        plans = [best] if step is None else [best, *(Plan.of({**best, step: value}) for value in offered[step])]
        fresh = [candidate for candidate in dict.fromkeys(plans) if candidate not in tried]
        for candidate, distance in zip(fresh, _distances(run or backbone, fresh, batches), strict=True):
            tried[candidate] = Trial(candidate, distance)
            if progress is not None:
                progress(tried[candidate], len(tried), most)
        # of equals the first, so that a value changes only for a reason
        best = min(plans, key=lambda candidate: tried[candidate].distance)
    samples = sum(len(batch) for batch in batches)
    return Calibration(tried[best], tried[start], tuple(tried.values()), samples)


def _usual(backbone: nn.Module, geometry: HourglassGeometry, plan: Plan, batch: Tensor) -> dict[str, Sequence[Value]]:
    """Values worth trying at the place and on the grid of a plan."""
    hourglass = geometry.parse(plan)
    assert hourglass is not None
    clusters = math.prod(hourglass.grid)
    widest = 2 * max(hourglass.grid) - 1
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        backbone(batch, plan, seen.__setitem__)
    stage = f"s{hourglass.stage}."
    distances = torch.cdist(seen[stage + "features"].float(), seen[stage + "pooled"].float()).amin(dim=-1).square()
    # padding is pooled into zeros, at no distance
    spread = float(distances[distances > 0].mean()) if bool((distances > 0).any()) else 1.0
    return {
        "temperature": tuple(float(f"{factor / spread:.2g}") for factor in SPREADS),
        "k": tuple(k for k in (*CHOICES["k"], clusters) if k <= clusters),
        "neighbourhood": tuple(side for side in CHOICES["neighbourhood"] if side <= max(3, widest)),
        "iterations": CHOICES["iterations"],
    }


def _distances(run: Run, plans: Sequence[Plan], batches: Sequence[Tensor]) -> list[float]:
    """The distance of every plan from the dense network, mean over samples; no number counts as infinitely far."""
    sums, count = [0.0] * len(plans), 0
    with torch.no_grad():
        for batch in batches:
            dense = _tuple(run(batch, Plan()))
            count += len(batch)
            for number, plan in enumerate(plans):
                for own, reference in zip(_tuple(run(batch, plan)), dense, strict=True):
                    wanted = reference.float().flatten(1)
                    error = (own.float().flatten(1) - wanted).square().sum(dim=1)
                    relative = error / wanted.square().sum(dim=1).clamp_min(1e-12)
                    sums[number] += float(relative.double().sum()) / len(dense)
    return [total / count if math.isfinite(total) else math.inf for total in sums]


def _tuple(outputs: tuple[Tensor, ...] | Tensor) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, Tensor) else outputs
