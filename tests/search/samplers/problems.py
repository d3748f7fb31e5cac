"""Small problems with known answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from models.plan import Plan
from models.space import Knob, Space
from search.samplers import Problem, Result, Sampler


@dataclass
class Bowl:
    """Latency falls and accuracy falls with every level; `looked_at` counts what the latency model was asked.

    Args:
        space: the space.
        max_ms: the budget; the dense plan takes 10 ms per knob, each level saves (1 + slot) / 2 ms.
    """

    space: Space
    max_ms: float
    looked_at: list[Plan] = field(default_factory=list)

    @property
    def problem(self) -> Problem:
        return Problem(self.space, self.excess, self.latency)

    def latency(self, plans: Sequence[Plan]) -> list[float]:
        """Milliseconds."""
        return [self._sum(plan, lambda slot, i: 10 - i * (1 + slot) / 2) for plan in plans]

    def excess(self, plans: Sequence[Plan]) -> list[float]:
        """Fraction over the budget."""
        self.looked_at.extend(plans)
        return [ms / self.max_ms - 1 for ms in self.latency(plans)]

    def metric(self, plan: Plan) -> float:
        """Accuracy; a space has one optimum for most budgets."""
        return 50 - self._sum(plan, lambda slot, i: (i / 10) ** 2 * (3 - 0.7 * slot) + 0.001 * i)

    def result(self, plan: Plan) -> Result:
        """A full evaluation."""
        return Result(plan, self.metric(plan), self.latency([plan])[0], self.latency([plan])[0] / self.max_ms - 1)

    def feasible(self) -> set[Plan]:
        """Every canonical plan inside the budget, by enumeration."""
        plans = {self.space.canonical(plan) for plan in self.space}
        return {plan for plan in plans if self.latency([plan])[0] <= self.max_ms}

    def _sum(self, plan: Plan, term: Callable[[int, int], float]) -> float:
        cell = self.space.indices(self.space.canonical(plan))
        return sum(term(slot, i) for slot, i in enumerate(cell))


def ratios(*names: str, steps: int = 5, counts: tuple[int, ...] | None = None) -> tuple[Knob, ...]:
    """Knobs with ratios 0, 0.1, ..."""
    return tuple(Knob(name, tuple(i / 10 for i in range(steps)), counts) for name in names)


ORDERED = Space(ratios("first", "second_1", "second_2"), (("second_1", "second_2"),))
"""75 plans, with an ordering."""

ALIASED = Space(ratios("first", "second", counts=(9, 7, 7, 3, 3)), ())
"""25 plans that are 9 networks."""

NAMED = Space((Knob("mode", ("full", "half", "off")), Knob("keep", (True, False)), *ratios("ratio")), ())
"""30 plans whose values are words, booleans and numbers."""


def play(sampler: Sampler, problem: Bowl, rounds: int, batch: int = 3) -> list[Result]:
    """Ask, evaluate, tell; everything told, in order."""
    told: list[Result] = []
    for _ in range(rounds):
        results = [problem.result(plan) for plan in sampler.ask(batch)]
        if not results:
            break
        sampler.tell(results)
        told += results
    return told
