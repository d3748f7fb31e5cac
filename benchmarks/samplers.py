"""How many accuracy evaluations each sampler needs: `python -m benchmarks.samplers [--samplers tpe nsga2 random gp]`.

Three synthetic problems on the published 120,285-plan space, with latency and accuracy in closed form and the optimum
known by enumeration. Plans are asked four at a time. Latency predictions are free for every sampler, also for the
published loop (which measured each of them). No device is involved; the numbers count evaluations, not seconds. The
two evolutions take seconds, Optuna's samplers some seconds per run, its Gaussian process minutes.
"""

import argparse
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from models.plan import Plan
from models.space import Knob, Space
from search.samplers import SAMPLERS, Problem, Result

NAMES = ("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3")
SPACE = Space(tuple(Knob(name, tuple(i / 10 for i in range(9))) for name in NAMES), (NAMES[2:5],))
NEAR = 0.01
"""Points of accuracy from the optimum that count as having come near."""


@dataclass(frozen=True)
class Synthetic:
    """Latency linear in the ratios, accuracy quadratic.

    Args:
        a: latency saved per knob, in 0.4 ms at ratio 1.
        b: accuracy lost per knob at ratio 1, in points.
        min_ms, max_ms: the window of latency.
    """

    a: tuple[float, ...]
    b: tuple[float, ...]
    min_ms: float
    max_ms: float

    def latency(self, plans: Sequence[Plan]) -> list[float]:
        """Milliseconds."""
        return [self._latency(SPACE.indices(plan)) for plan in plans]

    def excess(self, plans: Sequence[Plan]) -> list[float]:
        """Fraction by which plans leave the window."""
        return [max(ms / self.max_ms - 1, 1 - ms / self.min_ms) for ms in self.latency(plans)]

    def metric(self, plan: Plan) -> float:
        """Accuracy in points."""
        return self._metric(SPACE.indices(plan))

    def optimum(self) -> float:
        """The best accuracy in the window, by enumeration."""
        cells = (c for c in product(range(9), repeat=6) if c[2] <= c[3] <= c[4])
        return max(self._metric(c) for c in cells if self.min_ms <= self._latency(c) <= self.max_ms)

    def _latency(self, cell: tuple[int, ...]) -> float:
        return 47.8 - sum(a * i * 0.25 for a, i in zip(self.a, cell, strict=True))

    def _metric(self, cell: tuple[int, ...]) -> float:
        return 42.6 - sum(b * (i / 10) ** 2 for b, i in zip(self.b, cell, strict=True))


LATENCY = (3.137, 1.211, 0.912, 1.377, 1.733, 0.519)
ACCURACY = (0.731, 1.113, 0.353, 0.617, 0.897, 1.471)


class Run(NamedTuple):
    """What one search needed; infinite: not reached."""

    near: float
    exact: float
    gap: float


def search(name: str, problem: Synthetic, optimum: float, seed: int, limit: int) -> Run:
    """One search: evaluations until within `NEAR` of the optimum and until the optimum, and the gap left at the end."""
    sampler = SAMPLERS[name](Problem(SPACE, problem.excess, problem.latency), seed)
    near, best, used = math.inf, -math.inf, 0
    while used < limit and (plans := sampler.ask(min(4, limit - used))):
        metrics = [problem.metric(plan) for plan in plans]
        for metric in metrics:
            used += 1
            best = max(best, metric)
            if best >= optimum - NEAR:
                near = min(near, used)
            if best >= optimum - 1e-9:
                return Run(near, used, 0.0)
        known = zip(plans, metrics, problem.latency(plans), problem.excess(plans), strict=True)
        sampler.tell([Result(*row) for row in known])
    return Run(near, math.inf, optimum - best)


def rows(names: Sequence[str], problems: Sequence[Synthetic], seeds: int, limit: int) -> Iterator[str]:
    """The table, a line at a time."""
    yield f"{'window ms':>9}  {'sampler':<20} {'within 0.01':>16} {'at the optimum':>16} {'mean gap':>9} {'s/run':>6}"
    yield f"{'':9}  {'':20} {'runs  median':>16} {'runs  median':>16}"
    for problem in problems:
        optimum = problem.optimum()
        for name in names:
            start = time.perf_counter()
            runs = [search(name, problem, optimum, seed, limit) for seed in range(seeds)]
            seconds = (time.perf_counter() - start) / seeds
            near, exact = _cell([run.near for run in runs]), _cell([run.exact for run in runs])
            gap = statistics.fmean(run.gap for run in runs)
            window = f"{problem.min_ms:g}-{problem.max_ms:g}"
            yield f"{window:>9}  {name:<20} {near:>16} {exact:>16} {gap:>9.4f} {seconds:>6.2f}"


def _cell(needed: Sequence[float]) -> str:
    reached = sum(map(math.isfinite, needed))
    median = statistics.median(needed)
    return f"{reached}/{len(needed)} {f'{median:g}' if math.isfinite(median) else '-':>7}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ["evolution", "evolution-published"]
    parser.add_argument("--samplers", nargs="+", choices=sorted(SAMPLERS), default=default, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--limit", type=int, default=400, help="evaluations per run")
    given = parser.parse_args()
    windows = [Synthetic(LATENCY, ACCURACY, low, high) for low, high in ((37, 42), (33, 36), (38, 39))]
    for line in rows(given.samplers, windows, given.seeds, given.limit):
        print(line, flush=True)
