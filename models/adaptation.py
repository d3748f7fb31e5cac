"""Sparsity-aware adaptation: the random plans a detector trains under before it is searched.

Source: SparseViT (arXiv 2303.17605), section 3.2; the distribution is that of the released training code.
"""

import random
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from models.plan import Plan
from models.space import Space
from models.sparsevit_geometry import RATIOS, all_knobs


@runtime_checkable
class DrawsPlans(Protocol):
    """A backbone with a distribution of its own."""

    def draw_plan(self, rng: random.Random) -> Plan:
        """One random plan."""
        ...


class HasSpace(Protocol):
    """Any backbone."""

    def space(self, input_size: tuple[int, int]) -> Space:
        """The legal plans at (height, width) pixels."""
        ...


def draw_plan(backbone: HasSpace, rng: random.Random) -> Plan:
    """One plan for an iteration of adaptation: as the backbone draws it, else uniform over its space."""
    return backbone.draw_plan(rng) if isinstance(backbone, DrawsPlans) else backbone.space((224, 224)).random(rng)


def draw_adaptation_plan(depths: Sequence[int], rng: random.Random) -> Plan:
    """One plan: per stage, one uniform draw per pair of blocks, sorted so that later pairs are never denser.

    Args:
        depths: blocks per stage.
        rng: the only source of chance; equal generators on all ranks give equal plans.
    """
    values: list[float] = []
    for depth in depths:
        values += sorted(RATIOS[rng.randrange(len(RATIOS))] for _ in range((depth + 1) // 2))
    return Plan(tuple(zip(all_knobs(depths), values, strict=True)))


def draw_sequential_plan(depths: Sequence[int], rng: random.Random) -> Plan:
    """One plan of the *other* published sampler, found in the released test and timing tools. For parity only.

    Inside a stage every value is uniform between the one before it and the sparsest, so deep blocks become sparser than
    `draw_adaptation_plan` ever trains them: nothing in this repository samples with it.

    Args:
        depths: blocks per stage.
        rng: the only source of chance.
    """
    values: list[float] = []
    for depth in depths:
        position = 0
        for _ in range((depth + 1) // 2):
            position = rng.randrange(position, len(RATIOS))
            values.append(RATIOS[position])
    return Plan(tuple(zip(all_knobs(depths), values, strict=True)))
