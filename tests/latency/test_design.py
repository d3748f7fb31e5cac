import numpy as np
import pytest

from latency.design import designed_plans, validation_plans
from latency.errors import PredictorError
from latency.features import FeatureMap
from models.plan import Plan
from models.space import Knob, Space
from models.work import BlockWork, Work
from tests.latency.published import SPACE, work


def test_the_published_space_needs_33_plans() -> None:
    plans = designed_plans(SPACE, work)
    assert len(plans) == 33
    assert len(set(plans)) == 33
    assert all(SPACE.contains(plan) and SPACE.canonical(plan) == plan for plan in plans)


def test_it_begins_with_the_corners() -> None:
    plans = designed_plans(SPACE, work)
    assert plans[:2] == [SPACE.dense, SPACE.sparsest]
    for ratio in (0.8, 0.1):
        assert SPACE.plan({"stage0": ratio}) in plans
        # later pairs of a stage may not be denser: they follow
        assert SPACE.plan({"stage2_1": ratio, "stage2_2": ratio, "stage2_3": ratio}) in plans
        assert SPACE.plan({"stage2_3": ratio}) in plans


def test_every_value_of_every_knob_is_seen() -> None:
    seen = np.array([SPACE.indices(plan) for plan in designed_plans(SPACE, work)])
    assert min(len(set(column)) for column in seen.T.tolist()) >= 7


def test_the_fill_informs_better_than_random_plans() -> None:
    features = FeatureMap.of(SPACE, work)
    everything = features(validation_plans(SPACE, 300, 5))

    def worst_spread(plans: list[Plan]) -> float:
        x = features(plans)
        inverse = np.linalg.inv(x.T @ x + 1e-6 * np.eye(x.shape[1]))
        return float(np.einsum("ij,jk,ik->i", everything, inverse, everything).max())

    designed = designed_plans(SPACE, work)
    luckiest = min(worst_spread(validation_plans(SPACE, len(designed), seed)) for seed in range(10))
    assert worst_spread(designed) < luckiest


def test_seeds_repeat_and_differ() -> None:
    assert designed_plans(SPACE, work, 3) == designed_plans(SPACE, work, 3)
    assert designed_plans(SPACE, work, 3) != designed_plans(SPACE, work, 4)
    assert validation_plans(SPACE, 10, 3) == validation_plans(SPACE, 10, 3)
    assert not set(validation_plans(SPACE, 10, 3)) & set(validation_plans(SPACE, 10, 4))


def test_more_plans_per_coefficient_on_request() -> None:
    assert len(designed_plans(SPACE, work, factor=3.5)) == 46
    with pytest.raises(PredictorError, match=r"factor=0\.5 must be at least 1"):
        designed_plans(SPACE, work, factor=0.5)


def test_a_tiny_space_is_measured_whole() -> None:
    space = Space((Knob("depth", (0, 1, 2)),))

    def linear(plan: Plan) -> Work:
        kept = 3 - int(plan["depth"])
        return Work((BlockWork(0, kept, 3, float(kept)),), 0.0)

    assert set(designed_plans(space, linear)) == set(space)
    assert len(validation_plans(space, 10, 0)) == 3
