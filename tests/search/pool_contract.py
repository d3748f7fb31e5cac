"""What every pool promises. A pool joins by subclassing with its own `pool` fixture; plans are of `SPACE`."""

import random
from collections.abc import Sequence

import pytest

from models.plan import Plan
from models.sparsevit_geometry import Geometry
from search.errors import EvaluationError
from search.evaluators.synthetic import SyntheticEvaluator
from search.pools import Pool
from search.records import Evaluation

SPACE = Geometry(96, (2, 2, 6, 2)).space((672, 672))


def synthetic() -> SyntheticEvaluator:
    """Evaluators of the pools under test; a function of a module, so that it can be sent to another process."""
    return SyntheticEvaluator(SPACE)


class Failing(SyntheticEvaluator):
    """Cannot evaluate the sparsest plan."""

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        if plan == SPACE.sparsest:
            raise EvaluationError("stage3=0.8: the mAP is NaN")
        return super().evaluate(plan, split, blocks)


def failing() -> Failing:
    """Evaluators that fail on one plan."""
    return Failing(SPACE)


class PoolContract:
    """Inherit, and give `pool` (over `synthetic`) and `failing_pool` (over `failing`)."""

    def plans(self, n: int) -> list[Plan]:
        rng = random.Random(7)
        return list(dict.fromkeys(SPACE.random(rng) for _ in range(n)))

    def test_gives_one_evaluation_per_plan(self, pool: Pool) -> None:
        plans = self.plans(9)
        found = list(pool.evaluate(plans))
        assert sorted(map(str, (one.plan for one in found))) == sorted(map(str, plans))

    def test_agrees_with_an_evaluator_alone(self, pool: Pool) -> None:
        plan = self.plans(1)[0]
        (found,) = pool.evaluate([plan], "confirm")
        alone = synthetic().evaluate(plan, "confirm")
        assert (found.metrics, found.split, found.data) == (alone.metrics, "confirm", alone.data)

    def test_nothing_to_do_is_done(self, pool: Pool) -> None:
        assert list(pool.evaluate([])) == []

    def test_knows_the_digest_of_a_split(self, pool: Pool) -> None:
        assert pool.digest("search") == synthetic().digest("search")

    def test_passes_on_why_a_plan_cannot_be_evaluated(self, failing_pool: Pool) -> None:
        with pytest.raises(EvaluationError, match="the mAP is NaN"):
            list(failing_pool.evaluate([SPACE.sparsest]))

    def test_goes_on_after_a_failure(self, failing_pool: Pool) -> None:
        with pytest.raises(EvaluationError):
            list(failing_pool.evaluate([SPACE.sparsest]))
        assert len(list(failing_pool.evaluate(self.plans(2)))) == 2

    def test_closes_twice(self, pool: Pool) -> None:
        pool.close()
        pool.close()
