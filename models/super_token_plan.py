"""The knobs of STViT: which cell, how many iterations and which refinement every block uses (standard library only).

`grid2` sets all blocks of stage 2, `grid2.5` one of them; so do `iters2` and `refine2`. No knob changes a parameter:
one checkpoint serves every setting.

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167), section 3.2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from models.errors import PlanError
from models.plan import Plan, Value

Cell: TypeAlias = tuple[int, int]
"""(height, width) in tokens of the cell that starts as one super token; (1, 1) is attention among all tokens."""

CellLike: TypeAlias = int | str | Sequence[int]
"""A cell as people write it: 8, "16x8" (height x width), or (16, 8)."""

Refine: TypeAlias = Literal["attention", "conv", "none"]
"""How super tokens are mixed: attention (published), three convolutions, or not at all."""

GRIDS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"classification": (8, 4, 1, 1), "detection": (8, 4, 2, 1), "hires": (16, 8, 2, 1)}
)
"""Cells per stage. The first is published; the others are inferred from the released code and from published FLOPs."""

LARGEST_CELL = 64
"""A side. Cells may exceed their map, but each is computed in full, so a slip of the pen must not fill the memory."""
MOST_ITERATIONS = 10

_KNOB = re.compile(r"(?P<what>grid|iters|refine)(?P<stage>\d+)(?:\.(?P<block>\d+))?")
_CELL = re.compile(r"(\d{1,4})x(\d{1,4})")


@dataclass(frozen=True, slots=True)
class BlockSetting:
    """What one block does.

    Args:
        cell: size of a cell in tokens.
        iterations: rounds of association; without effect when the cell is (1, 1).
        refine: mixing of the super tokens.
    """

    cell: Cell = (1, 1)
    iterations: int = 1
    refine: Refine = "attention"

    @property
    def samples(self) -> bool:
        """Whether super tokens are sampled at all."""
        return self.cell != (1, 1)


def parse_cell(value: CellLike, name: str = "grid") -> Cell:
    """The cell that a value stands for.

    Args:
        name: named in the error.
    Raises:
        PlanError: neither a whole number, nor "HxW", nor a pair, or a side outside 1..64.
    """
    sides: Sequence[object] = ()
    if isinstance(value, str):
        match = _CELL.fullmatch(value)
        sides = (int(match[1]), int(match[2])) if match else ()
    elif isinstance(value, Sequence):
        sides = tuple(value)
    else:
        sides = (value, value)
    whole = [side for side in sides if isinstance(side, int) and not isinstance(side, bool)]
    if len(sides) != 2 or len(whole) != 2 or not all(1 <= side <= LARGEST_CELL for side in whole):
        raise PlanError(
            f'{name}={value!r}: a cell must be a whole number such as 8, or "16x8" (height x width), '
            f"with sides from 1 (dense) to {LARGEST_CELL}"
        )
    return whole[0], whole[1]


def cell_value(cell: Cell) -> Value:
    """The shortest plan value of a cell: 8 for (8, 8), "16x8" for (16, 8)."""
    return cell[0] if cell[0] == cell[1] else f"{cell[0]}x{cell[1]}"


def parse_iterations(value: object, name: str = "iters") -> int:
    """Rounds of association.

    Raises:
        PlanError: no whole number from 1 to 10.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_ITERATIONS:
        raise PlanError(f"{name}={value!r}: iterations must be a whole number from 1 to {MOST_ITERATIONS}")
    return value


def parse_refine(value: object, weights: Refine, name: str = "refine") -> Refine:
    """A refinement that a model with the given weights can do: its own, or none.

    Raises:
        PlanError: another one.
    """
    if value == "none" or weights == "none":
        if value == "none":
            return "none"
        raise PlanError(f"{name}={value!r}: this model was built without weights to refine; only 'none' is possible")
    if value != weights:
        raise PlanError(f"{name}={value!r}: this model has the weights for {weights!r}; choose {weights!r} or 'none'")
    return weights


def schedule(
    plan: Plan, depths: tuple[int, ...], own: tuple[BlockSetting, ...]
) -> tuple[tuple[BlockSetting, ...], ...]:
    """The setting of every block, per stage; what no knob names keeps the model's own setting.

    Args:
        plan: knobs of stages and blocks; a block's own knob wins over its stage's.
        depths: blocks per stage.
        own: the model's setting per stage; its refinement is the one it has weights for.
    Raises:
        PlanError: a knob names nothing in this backbone, or its value is not legal.
    """
    result = [[setting] * depth for setting, depth in zip(own, depths, strict=True)]
    parsed = []
    for name, value in plan.items():
        match = _KNOB.fullmatch(name)
        stage = int(match["stage"]) if match else len(depths)
        block = int(match["block"]) if match and match["block"] is not None else None
        if not match or stage >= len(depths) or (block is not None and block >= depths[stage]):
            raise PlanError(
                f"unknown knob {name!r}: this backbone has grid, iters and refine of stages 0 to {len(depths) - 1} "
                f"(grid0) and of their {', '.join(map(str, depths))} blocks (grid0.0)"
            )
        parsed.append((block is not None, match["what"], stage, block, name, value))
    for _, what, stage, block, name, value in sorted(parsed, key=lambda entry: entry[0]):
        for place in range(depths[stage]) if block is None else (block,):
            before = result[stage][place]
            if what == "grid":
                if isinstance(value, float):
                    parse_cell((0, 0), f"{name}={value}")
                result[stage][place] = replace(before, cell=parse_cell(value, name))  # type: ignore[arg-type]
            elif what == "iters":
                result[stage][place] = replace(before, iterations=parse_iterations(value, name))
            else:
                result[stage][place] = replace(before, refine=parse_refine(value, own[stage].refine, name))
    return tuple(map(tuple, result))
