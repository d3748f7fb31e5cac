"""Sparsity-aware adaptation: the random plans a detector trains under before it is searched.

Source: SparseViT (arXiv 2303.17605), section 3.2; the distribution is that of the released training code.
"""

import random
from collections.abc import Sequence

from models.plan import Plan
from models.sparsevit_geometry import RATIOS, all_knobs


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
