import random

import pytest

from models.sparsevit_geometry import Geometry
from search.evaluators.synthetic import DENSE_MAP, SyntheticEvaluator, surface

SPACE = Geometry(96, (2, 2, 6, 2)).space((672, 672))


def test_pruning_any_knob_further_never_helps() -> None:
    rng = random.Random(0)
    for _ in range(50):
        plan = SPACE.random(rng)
        for other in SPACE.neighbours(plan):
            sparser = sum(SPACE.indices(other)) > sum(SPACE.indices(plan))
            assert (surface(SPACE, other) < surface(SPACE, plan)) == sparser


def test_dense_is_the_best_and_the_floor_is_clearly_worse() -> None:
    assert surface(SPACE, SPACE.dense) == DENSE_MAP
    assert surface(SPACE, SPACE.sparsest) < DENSE_MAP - 5


def test_equal_plans_score_equally_in_any_evaluator_and_order_of_knobs() -> None:
    plan = SPACE.random(random.Random(1))
    turned = type(plan)(tuple(reversed(plan.knobs)))
    first = SyntheticEvaluator(SPACE).evaluate(plan)
    assert first.metrics == SyntheticEvaluator(SPACE).evaluate(turned).metrics


def test_splits_differ_a_little_and_have_digests_of_their_own() -> None:
    evaluator = SyntheticEvaluator(SPACE)
    plan = SPACE.random(random.Random(2))
    search, confirm = (evaluator.evaluate(plan, split) for split in ("search", "confirm"))
    assert search.metrics != confirm.metrics
    assert search.metrics["bbox_mAP"] == pytest.approx(confirm.metrics["bbox_mAP"], abs=0.1)
    assert len({search.data, confirm.data, SyntheticEvaluator(SPACE, images=9).digest("search")}) == 3


def test_blocks_show_fewer_images() -> None:
    assert SyntheticEvaluator(SPACE).evaluate(SPACE.dense, blocks=[0, 1]).images == 100
