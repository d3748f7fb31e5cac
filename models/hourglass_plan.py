"""What a plan asks of an hourglass transformer: where tokens are clustered, into how many, and how.

Knobs: `location` is the number of blocks, counted through all stages, that run before clustering; their total (or -1)
means dense. Blocks from there to the end of that stage work on clusters. `grid` gives the clusters of a window,
"8x6x6" (frames x rows x columns), for images "8x8" or 8. `iterations`, `neighbourhood`, `temperature` and `k` say how
tokens are clustered and reconstructed; they hardly change the time. No knob changes a parameter.

Source: arXiv 2210.01035, section 3; the location is that of the released code.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import PlanError
from models.plan import Plan, Value

Size = tuple[int, int, int]
"""(frames, rows, columns); images have one frame."""

KNOBS = ("location", "grid", "iterations", "neighbourhood", "temperature", "k")
MOST_ITERATIONS = 20
"""Each round costs a fixed time, so a slip of the pen must not hang a search."""

_SIDES = re.compile(r"\d{1,4}(?:x\d{1,4}){0,2}")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a plan that does not mention a knob gets.

    Args:
        grid: clusters per axis of a window; None: the finest that the space offers.
        iterations, neighbourhood, temperature, k: see `Hourglass`.
    """

    grid: Size | None = None
    iterations: int = 5
    neighbourhood: int = 5
    temperature: float = 0.01
    k: int = 25


@dataclass(frozen=True, slots=True)
class Hourglass:
    """A clustered stretch of blocks.

    Args:
        stage: the stage it lies in.
        block: the first block of that stage that works on clusters.
        grid: clusters per axis of a window.
        iterations: rounds of clustering.
        neighbourhood: side of the block of cells whose clusters a token may join.
        temperature: factor on squared distances.
        k: clusters that each token is reconstructed from.
    """

    stage: int
    block: int
    grid: Size
    iterations: int
    neighbourhood: int
    temperature: float
    k: int


def parse(plan: Mapping[str, Value], depths: tuple[int, ...], window: Size, defaults: Defaults) -> Hourglass | None:
    """The clustered stretch of a plan; None: dense.

    Every value is checked, also where a dense location leaves it without effect.

    Args:
        depths: blocks per stage.
        window: tokens per axis of a window.
        defaults: for knobs that the plan does not mention.
    Raises:
        PlanError: a knob does not exist, or its value cannot run.
    """
    plan = Plan.of(plan)
    unknown = [name for name in plan if name not in KNOBS]
    if unknown:
        raise PlanError(f"unknown knobs {unknown}; this backbone has {', '.join(KNOBS)}")
    blocks = sum(depths)
    location = _whole(plan, "location", blocks, -1, blocks, f"-1 or {blocks} (dense), or 0 to {blocks - 1}")
    grid = parse_grid(plan["grid"], window) if "grid" in plan else defaults.grid or finest(window)
    iterations = _whole(plan, "iterations", defaults.iterations, 0, MOST_ITERATIONS, f"0 to {MOST_ITERATIONS}")
    neighbourhood = _whole(plan, "neighbourhood", defaults.neighbourhood, 1, 999, "an odd number such as 5")
    if neighbourhood % 2 == 0:
        raise PlanError(f"neighbourhood={neighbourhood}: a side with a middle is needed, an odd number such as 5")
    temperature = plan.get("temperature", defaults.temperature)
    if isinstance(temperature, bool | str) or not 0 < temperature < math.inf:
        raise PlanError(f"temperature={temperature!r}: expected a number above 0 such as 0.01")
    clusters = math.prod(grid)
    # the model's own k must not forbid a coarse grid; a k that the plan itself asks for must exist
    own = min(defaults.k, clusters)
    k = _whole(
        plan, "k", own, 1, clusters, f"1 to {clusters}, the clusters of a window on grid {grid_value(grid, window)}"
    )
    if location in (-1, blocks):
        return None
    stage = 0
    while location >= depths[stage]:
        location, stage = location - depths[stage], stage + 1
    return Hourglass(stage, location, grid, iterations, neighbourhood, float(temperature), k)


def parse_grid(value: object, window: Size) -> Size:
    """Clusters per axis of a window.

    Raises:
        PlanError: no grid, another number of axes than the window's, or more clusters than tokens along an axis.
    """
    flat = window[0] == 1
    sides: tuple[int, ...] = ()
    if isinstance(value, int) and not isinstance(value, bool):
        sides = (value,)
    elif isinstance(value, str) and _SIDES.fullmatch(value):
        sides = tuple(map(int, value.split("x")))
    if flat and len(sides) in (1, 2):
        sides = (1, *(sides * 2)[:2])
    largest = grid_value(window, window)
    if len(sides) != 3 or not all(1 <= side <= most for side, most in zip(sides, window, strict=True)):
        wanted = "8 or '8x8' (rows x columns)" if flat else "'8x6x6' (frames x rows x columns)"
        raise PlanError(f"grid={value!r}: expected clusters per window such as {wanted}, at most {largest}")
    return sides[0], sides[1], sides[2]


def grid_value(grid: Size, window: Size) -> str:
    """The plan value of a grid: "8x6x6", for images, whose windows have one frame, "8x8"."""
    return "x".join(map(str, grid[1:] if window[0] == 1 else grid))


def ladder(window: Size) -> tuple[Size, ...]:
    """Grids worth searching, finest first: rows and columns from one less than the window's down to half, all frames
    or half of them.

    Source: arXiv 2210.01035, tables 1 to 6 (8 x 8 and 9 x 9 of 12 x 12; 8 x 6 x 6 of 8 x 12 x 12).
    """
    frames, rows, columns = window
    steps = range(1, max(rows, columns) // 2 + 1)
    times = {frames, max(1, frames // 2)}
    grids = {(time, max(1, rows - step), max(1, columns - step)) for time in times for step in steps}
    return tuple(sorted(grids or {window}, key=lambda grid: (-math.prod(grid), -grid[0])))


def finest(window: Size) -> Size:
    """The first grid of the ladder."""
    return ladder(window)[0]


def _whole(plan: Plan, name: str, default: int, least: int, most: int, legal: str) -> int:
    value = plan.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise PlanError(f"{name}={value!r}: expected {legal}")
    return value
