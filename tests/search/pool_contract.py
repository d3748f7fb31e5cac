"""What every pool promises. A pool joins by subclassing with its own `pool` fixture; plans are of `SPACE`."""

import random
from collections.abc import Iterator, Sequence

import pytest

from models.plan import Plan
from models.sparsevit_geometry import Geometry
from search.attempts import ATTEMPTS, Attempts
from search.errors import NotFiniteError, TargetError
from search.evaluators.synthetic import SyntheticEvaluator
from search.journal import Journal
from search.pools import Pool
from search.records import Evaluation, Event, Failure

SPACE = Geometry(96, (2, 2, 6, 2)).space((672, 672))


def synthetic() -> SyntheticEvaluator:
    """Evaluators of the pools under test; a function of a module, so that it can be sent to another process."""
    return SyntheticEvaluator(SPACE)


class Failing(SyntheticEvaluator):
    """Cannot evaluate the sparsest plan: not a number on one split, no memory on another, no images on the third."""

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        if plan == SPACE.sparsest:
            if split == "report":
                raise TargetError("split 'report' has no images")
            raise NotFiniteError("stage3=0.8: the mAP is NaN") if split == "search" else MemoryError("no room")
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
        assert isinstance(found, Evaluation)
        alone = synthetic().evaluate(plan, "confirm")
        assert (found.metrics, found.split, found.data) == (alone.metrics, "confirm", alone.data)

    def test_nothing_to_do_is_done(self, pool: Pool) -> None:
        assert list(pool.evaluate([])) == []

    def test_knows_the_digest_of_a_split(self, pool: Pool) -> None:
        assert pool.digest("search") == synthetic().digest("search")

    def test_passes_on_why_a_plan_cannot_be_evaluated(self, failing_pool: Pool) -> None:
        (found,) = failing_pool.evaluate([SPACE.sparsest])
        assert found == Failure(SPACE.sparsest, "nan", "stage3=0.8: the mAP is NaN", 1)

    def test_tries_again_what_may_be_of_the_moment_and_remembers_it(self, failing_pool: Pool) -> None:
        events: list[Event] = []
        attempts = Attempts(Journal(events.append))
        (found,) = failing_pool.evaluate([SPACE.sparsest], "confirm", attempts)
        assert found == Failure(SPACE.sparsest, "memory", "MemoryError: no room", ATTEMPTS)
        assert [event.data["attempt"] for event in events if event.data["state"] == "failed"] == [1, 2, 3]
        # a resumed search does not begin to count again
        again = Attempts(Journal(events.append, events))
        said = len(events)
        assert list(failing_pool.evaluate([SPACE.sparsest], "confirm", again)) == [found]
        assert len(events) == said

    def test_what_no_plan_can_do_without_ends_it_all(self, failing_pool: Pool) -> None:
        with pytest.raises(TargetError, match="split 'report' has no images"):
            list(failing_pool.evaluate([SPACE.sparsest], "report"))

    def test_goes_on_after_a_failure(self, failing_pool: Pool) -> None:
        plans = self.plans(2)
        found = list(failing_pool.evaluate([plans[0], SPACE.sparsest, plans[1]]))
        assert {one.plan: type(one) for one in found} == {
            plans[0]: Evaluation, SPACE.sparsest: Failure, plans[1]: Evaluation
        }  # fmt: skip
        assert len(list(failing_pool.evaluate(plans))) == 2

    def test_takes_plans_as_workers_get_free_and_finishes_what_runs_when_they_end(self, pool: Pool) -> None:
        left = self.plans(8)
        taken = []

        def stoppable() -> Iterator[Plan]:
            while left and not found:
                taken.append(left.pop())
                yield taken[-1]

        found: list[Evaluation | Failure] = []
        for one in pool.evaluate(stoppable()):
            found.append(one)
        assert {one.plan for one in found} == set(taken)
        assert 1 <= len(taken) <= 2

    def test_closes_twice(self, pool: Pool) -> None:
        pool.close()
        pool.close()
