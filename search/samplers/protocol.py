"""The seam of every sampler: what it is asked to solve, what it is told, and the two methods it has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.plan import Plan
from models.space import Space


@dataclass(frozen=True, slots=True)
class Problem:
    """A space and the free knowledge about it; the accuracy is what costs.

    Args:
        space: the legal plans.
        excess: for each plan (upper latency bound - budget) / budget; at most 0: probably feasible. A lower bound of
            the budget is folded in the same way. Must be a pure function: samplers remember its answers.
        latency: for each plan the predicted latency in milliseconds.
    """

    space: Space
    excess: Callable[[Sequence[Plan]], list[float]]
    latency: Callable[[Sequence[Plan]], list[float]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a sampler learns about one plan.

    Args:
        plan: the plan.
        metric: accuracy, higher is better; None: not evaluated to the end (dropped early, or over the budget).
        latency_ms: latency in milliseconds.
        excess: (upper latency bound - budget) / budget; at most 0: feasible.
    """

    plan: Plan
    metric: float | None
    latency_ms: float
    excess: float


class Sampler(Protocol):
    """Proposes plans; learns from results.

    The next plans are a function of the seed, of what was told and of what is still out, never of how often or how
    quickly it was asked. So a new sampler that is told the same results in the same order continues the search.
    """

    def ask(self, n: int) -> list[Plan]:
        """Up to `n` distinct plans: canonical, never asked or told before, probably feasible.

        Fewer than `n` when it wants results first or little is left. Empty with nothing out: exhausted for ever.

        Raises:
            SamplerError: `n` is not positive.
        """

    def tell(self, results: Sequence[Result]) -> None:
        """Learn results, asked for or not (an archive), in any order and number.

        Telling a plan again replaces its result.

        Raises:
            PlanError: a plan does not belong to the space.
            SamplerError: a metric, latency or excess is NaN.
        """


class Builder(Protocol):
    """Makes a sampler; the row type of the table `SAMPLERS`."""

    def __call__(self, problem: Problem, seed: int) -> Sampler:
        """A new sampler with an empty history."""
