"""The ledger: free knowledge is asked once, and an open plan is found wherever one is left."""

import math

import pytest

from models.space import Space
from search.errors import SamplerError
from search.samplers import SAMPLERS, Problem
from search.samplers import ledger as ledger_module
from search.samplers.ledger import Ledger
from tests.search.samplers.problems import ALIASED, ORDERED, Bowl, ratios


def test_the_latency_model_is_asked_once_per_network() -> None:
    bowl = Bowl(ALIASED, 18.0)
    ledger = Ledger(bowl.problem, seed=0)
    for _ in range(3):
        ledger.excess([(0, 1), (0, 1), (2, 2)])
        ledger.feasible()
    assert len(bowl.looked_at) == len(set(bowl.looked_at)) == 9


def test_a_latency_of_nan_is_refused() -> None:
    problem = Problem(ORDERED, lambda plans: [math.nan] * len(plans), lambda plans: [1.0] * len(plans))
    with pytest.raises(SamplerError, match="latency model gave NaN for first=0, second_1=0, second_2=0"):
        Ledger(problem, seed=0).excess([(0, 0, 0)])


def test_the_stream_depends_on_how_much_is_known_only() -> None:
    bowl = Bowl(ORDERED, 26.5)
    first, second = Ledger(bowl.problem, seed=1), Ledger(bowl.problem, seed=1)
    plan = first.hand_out((4, 4, 4))
    assert first.rng().random() != second.rng().random()
    second.tell([bowl.result(plan)])
    assert first.rng().random() == second.rng().random()
    first.tell([bowl.result(plan)])
    assert not first.out
    assert first.rng().random() == second.rng().random()
    assert first.rng().random() != Ledger(bowl.problem, seed=2).rng().random()


def test_telling_again_replaces() -> None:
    bowl = Bowl(ORDERED, 26.5)
    ledger = Ledger(bowl.problem, seed=0)
    cell = (4, 4, 4)
    for result in (bowl.result(ledger.grid.plan(cell)), bowl.result(ledger.grid.plan(cell))):
        ledger.tell([result])
    assert list(ledger.told) == [cell]


def test_a_walk_from_over_the_budget_ends_on_its_border() -> None:
    bowl = Bowl(ORDERED, 26.5)
    ledger = Ledger(bowl.problem, seed=0)
    reached = ledger.feasible_from((0, 0, 0))
    assert reached is not None
    assert ledger.is_feasible(reached)
    assert any(not ledger.is_feasible(step) for step in ledger.grid.steps(reached))
    assert ledger.feasible_from((4, 4, 4)) == (4, 4, 4)


def test_nothing_feasible_is_none() -> None:
    ledger = Ledger(Bowl(ORDERED, 1.0).problem, seed=0)
    assert ledger.feasible_from((0, 0, 0)) is None
    assert ledger.open_from((0, 0, 0)) is None


@pytest.fixture
def short_sighted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walks that give up almost at once."""
    monkeypatch.setattr(ledger_module, "REACH", 3)


@pytest.mark.usefixtures("short_sighted")
def test_what_walking_misses_listing_finds() -> None:
    bowl = Bowl(ORDERED, 26.5)
    ledger = Ledger(bowl.problem, seed=0)
    found = []
    while (cell := ledger.open_from((0, 0, 0))) is not None:
        found.append(ledger.hand_out(cell))
    assert set(found) == bowl.feasible()


@pytest.mark.usefixtures("short_sighted")
def test_a_space_too_large_to_list_is_only_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "ENUMERABLE", 10)
    ledger = Ledger(Bowl(ORDERED, 26.5).problem, seed=0)
    assert ledger.feasible() == []
    assert ledger.open_from((0, 0, 0)) is None
    assert ledger.open_from((4, 4, 4)) == (4, 4, 4)


HUGE = Space(ratios(*(f"knob{i}" for i in range(12)), steps=9))
"""9^12 plans."""


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"exhaustive", "gp"}))
def test_a_huge_space_with_a_tight_budget_is_searched_without_listing_it(name: str) -> None:
    bowl = Bowl(HUGE, 0.45 * Bowl(HUGE, 1.0).latency([HUGE.dense])[0])
    sampler = SAMPLERS[name](bowl.problem, 0)
    plans = sampler.ask(4)
    assert len(plans) == 4
    assert all(excess <= 0 for excess in bowl.excess(plans))


def test_exhaustive_refuses_a_huge_space() -> None:
    with pytest.raises(SamplerError, match="282,429,536,481 plans is too large to try them all"):
        SAMPLERS["exhaustive"](Bowl(HUGE, 1.0).problem, 0)


def test_exhaustive_asks_slowest_first() -> None:
    bowl = Bowl(ORDERED, 26.5)
    plans = SAMPLERS["exhaustive"](bowl.problem, 0).ask(100)
    latency = bowl.latency(plans)
    assert latency == sorted(latency, reverse=True)
    assert set(plans) == bowl.feasible()
