"""The samplers of training: streams are compared with the recorded ones in tests/search/samplers/test_published.py."""

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from models.adaptation import draw_adaptation_plan, draw_sequential_plan
from models.plan import Plan
from models.sparsevit_geometry import Geometry

Draw: TypeAlias = Callable[[Sequence[int], random.Random], Plan]
DEPTHS = (2, 2, 6, 2)
SPACE = Geometry(96, DEPTHS).space((672, 672))


@pytest.mark.parametrize("draw", [draw_adaptation_plan, draw_sequential_plan])
def test_draws_are_legal_plans_that_name_every_knob(draw: Draw) -> None:
    rng = random.Random(0)
    for _ in range(50):
        plan = draw(DEPTHS, rng)
        assert tuple(plan) == SPACE.names
        assert SPACE.contains(plan)


def test_adaptation_draws_what_the_space_draws() -> None:
    ours, theirs = random.Random(3), random.Random(3)
    assert all(draw_adaptation_plan(DEPTHS, ours) == SPACE.random(theirs) for _ in range(50))


def test_the_sequential_sampler_makes_deep_blocks_sparser_than_training_does() -> None:
    def mean_last(draw: Draw) -> float:
        rng = random.Random(0)
        return sum(float(draw(DEPTHS, rng)["stage2_2"]) for _ in range(2000)) / 2000

    # middle of three sorted uniform draws: 0.4; second of a sequence: (0.4 + 0.8) / 2
    assert mean_last(draw_adaptation_plan) == pytest.approx(0.4, abs=0.02)
    assert mean_last(draw_sequential_plan) == pytest.approx(0.6, abs=0.02)
