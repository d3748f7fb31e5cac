"""Which plans to measure before fitting the latency model: corners that isolate effects, then what informs it most.

Source: D-optimal design by greedy addition (Fedorov, 1972): each further plan is the one
whose prediction is least certain so far.
"""

import math
import random
from collections.abc import Iterable

import numpy as np

from latency.errors import PredictorError
from latency.features import FeatureMap, Floats, WorkOf
from models.plan import Plan
from models.space import Space

CANDIDATES = 3000
"""Random plans that the greedy fill chooses from."""

PRIOR_PRECISION = 1e-3
"""Of every coefficient, in units of the noise, so that the first steps of the fill are defined."""

LEVEL_PRECISION = 1.0
"""Of what a single value of a knob may add: about as much as the noise. Extremes alone would never show a bend."""


def designed_plans(space: Space, work: WorkOf, seed: int = 0, factor: float = 2.5) -> list[Plan]:
    """Plans to fit a latency model to: `factor` per coefficient, canonical and distinct, dense and sparsest first.

    Dense, sparsest, one knob at a time at its sparsest and at its smallest nonzero value (which isolates the cost of
    switching selection on), then a D-optimal fill.

    Args:
        work: the work of a plan.
        seed: of the candidates of the fill.
        factor: plans per coefficient; below 2, fits collapse.
    Raises:
        PredictorError: `factor` is below 1.
    """
    if not factor >= 1:
        raise PredictorError(f"factor={factor} must be at least 1 plan per coefficient; 2.5 is a good choice")
    features = FeatureMap.of(space, work)
    wanted = min(math.ceil(factor * len(features.names)), len(space))
    chosen = dict.fromkeys(map(space.canonical, _corners(space)))
    candidates = [plan for plan in _distinct(space, CANDIDATES, random.Random(seed)) if plan not in chosen]
    bent = features.with_levels()
    prior = np.where(bent.level, LEVEL_PRECISION, PRIOR_PRECISION)
    picked = _fill(bent(list(chosen)), bent(candidates), prior, wanted - len(chosen))
    return [*chosen, *(candidates[index] for index in picked)]


def validation_plans(space: Space, n: int, seed: int) -> list[Plan]:
    """`n` uniformly random plans, canonical and distinct, to judge a model that was not fitted to them.

    Fewer when the space has fewer.
    """
    # apart from the design's stream, which starts at the bare seed
    return _distinct(space, n, random.Random(f"validation {seed}"))


def _corners(space: Space) -> Iterable[Plan]:
    yield space.dense
    yield space.sparsest
    for last in (True, False):
        for slot, knob in enumerate(space.knobs):
            indices = [0] * len(space.knobs)
            indices[slot] = len(knob.values) - 1 if last else min(1, len(knob.values) - 1)
            yield _pushed(space, slot, indices)


def _pushed(space: Space, slot: int, indices: list[int]) -> Plan:
    """The plan with one knob turned; those that may not be denser than it follow."""
    for group in space.ordered:
        slots = [space.names.index(name) for name in group]
        if slot in slots:
            for later in slots[slots.index(slot) :]:
                indices[later] = indices[slot]
    return space.at(tuple(indices))


def _distinct(space: Space, wanted: int, rng: random.Random) -> list[Plan]:
    plans: dict[Plan, None] = {}
    for _ in range(20 * wanted):
        if len(plans) == wanted:
            break
        plans[space.canonical(space.random(rng))] = None
    return list(plans)


def _fill(start: Floats, candidates: Floats, prior: Floats, count: int) -> list[int]:
    """Rows of `candidates` to add, each the one with the largest x' M^-1 x for the information M so far."""
    inverse = np.linalg.inv(start.T @ start + np.diag(prior))
    picked: list[int] = []
    for _ in range(min(count, len(candidates))):
        spread = np.einsum("ij,jk,ik->i", candidates, inverse, candidates)
        spread[picked] = -1
        best = int(spread.argmax())
        picked.append(best)
        # Sherman-Morrison: the inverse after adding one row
        moved = inverse @ candidates[best]
        inverse -= np.outer(moved, moved) / (1 + candidates[best] @ moved)
    return picked
