"""Every feasible plan, for spaces small enough: the answer the other samplers are judged by."""

from collections.abc import Sequence

from models.plan import Plan
from search.errors import SamplerError
from search.samplers.grid import Cell
from search.samplers.ledger import ENUMERABLE, Ledger
from search.samplers.protocol import Problem, Result


class Exhaustive:
    """Asks for every feasible plan once, slowest first: most accurate plans use up their budget.

    Args:
        problem: what to solve.
        seed: unused; there is no chance in it.
    Raises:
        SamplerError: the space has more than a million plans.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        if len(problem.space) > ENUMERABLE:
            raise SamplerError(
                f"a space of {len(problem.space):,} plans is too large to try them all (at most {ENUMERABLE:,}); "
                "choose another sampler, such as evolution"
            )
        self._problem = problem
        self._ledger = Ledger(problem, seed)
        self._queue: list[Cell] | None = None

    def tell(self, results: Sequence[Result]) -> None:
        """See `Sampler.tell`."""
        self._ledger.tell(results)

    def ask(self, n: int) -> list[Plan]:
        """See `Sampler.ask`."""
        if n < 1:
            raise SamplerError(f"ask for at least one plan; got n={n}")
        if self._queue is None:
            self._queue = self._slowest_first()
        plans: list[Plan] = []
        while self._queue and len(plans) < n:
            cell = self._queue.pop()
            if self._ledger.is_open(cell):
                plans.append(self._ledger.hand_out(cell))
        return plans

    def _slowest_first(self) -> list[Cell]:
        """Feasible cells as a stack: the slowest on top, and of equals the densest."""
        cells = list(self._ledger.feasible())
        latency = self._problem.latency([self._ledger.grid.plan(cell) for cell in cells]) if cells else []
        slow = dict(zip(cells, latency, strict=True))
        return sorted(reversed(cells), key=slow.__getitem__)
