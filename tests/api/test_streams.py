"""Open streams are counted per client and in all."""

import pytest

from api.problems import Problem
from api.security.streams import Streams


def test_a_client_may_have_so_many_and_others_are_not_touched() -> None:
    streams = Streams(per_client=2, total=10)
    streams.acquire("a")
    streams.acquire("a")
    with pytest.raises(Problem, match="a has 2 open event streams") as refused:
        streams.acquire("a")
    assert refused.value.status == 429 and refused.value.headers["Retry-After"] == "5"
    streams.acquire("b")
    assert streams.open == 3


def test_the_total_holds_over_clients_and_a_place_that_ends_is_free_again() -> None:
    streams = Streams(per_client=5, total=2)
    streams.acquire("a")
    streams.acquire("b")
    with pytest.raises(Problem, match="all 2 event streams"):
        streams.acquire("c")
    streams.release("a")
    streams.acquire("c")
    assert streams.open == 2


def test_one_release_too_many_frees_nothing_for_others() -> None:
    streams = Streams(per_client=1, total=1)
    streams.acquire("a")
    streams.release("a")
    streams.release("a")
    streams.acquire("a")
    with pytest.raises(Problem):
        streams.acquire("a")
