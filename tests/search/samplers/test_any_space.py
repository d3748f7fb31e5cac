"""Properties that hold on every space, not only on those we thought of."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.space import Knob, Space
from search.samplers import SAMPLERS
from tests.search.samplers.problems import Bowl, play


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """One to four knobs; aliases; perhaps an ordered group of equal knobs."""
    counts = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))
    falling = tuple(sorted(counts, reverse=True))
    group = tuple(f"deep_{i}" for i in range(draw(st.integers(0, 3))))
    values = tuple(range(len(falling)))
    knobs = [Knob(name, values, falling) for name in group]
    knobs += [Knob(f"free_{i}", tuple("abcd"[: draw(st.integers(1, 4))])) for i in range(draw(st.integers(0, 2)))]
    return Space(tuple(knobs or [Knob("only", values, falling)]), (group,) if len(group) > 1 else ())


@settings(deadline=None, max_examples=40)
@given(spaces(), st.sampled_from(["evolution", "exhaustive", "random"]), st.integers(0, 99), st.floats(0.3, 1.1))
def test_a_search_ends_with_every_feasible_network_asked_once(space: Space, name: str, seed: int, share: float) -> None:
    bowl = Bowl(space, share * Bowl(space, 1.0).latency([space.dense])[0])
    asked = [result.plan for result in play(SAMPLERS[name](bowl.problem, seed), bowl, rounds=300, batch=5)]
    assert len(asked) == len(set(asked))
    assert set(asked) == bowl.feasible()


@settings(deadline=None, max_examples=40)
@given(spaces(), st.integers(0, 99), st.floats(0.5, 1.1), st.integers(1, 4))
def test_the_published_loop_asks_only_feasible_networks_and_none_twice(
    space: Space, seed: int, share: float, batch: int
) -> None:
    bowl = Bowl(space, share * Bowl(space, 1.0).latency([space.dense])[0])
    sampler = SAMPLERS["evolution-published"](bowl.problem, seed)
    asked = [result.plan for result in play(sampler, bowl, rounds=20, batch=batch)]
    assert len(asked) == len(set(asked))
    assert set(asked) <= bowl.feasible()
