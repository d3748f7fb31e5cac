"""The loads that the service holds, in a short form: counts exactly, times with room for a busy machine.

`python -m benchmarks.service` measures the same at full length and holds the figures against their bars.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.api.faults.support import SLACK, add_target
from tests.api.loads import completions, large, mixed, queueing, streams, watching
from tests.api.loads.deaf import Deaf
from tests.api.loads.figures import Figure, missed
from tests.api.loads.machine import busyness
from tests.api.loads.places import Large, large_store, slow_home
from tests.api.support import live_server


def hold(load: Callable[[], Sequence[Figure]]) -> None:
    """Run a load, show its figures, and fail for each that is missed even by a slow and busy machine.

    Times may be `SLACK` times their bars, and longer where other programs take their share of the processor.
    """
    before = busyness()
    figures = load()
    slack = SLACK * max(before, busyness())
    print(*figures, f"bars of times: x {slack:.1f}", sep="\n")
    assert missed(figures, slack) == []


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    with large_store(tmp_path_factory.mktemp("crowded") / "home") as found:
        yield found


@pytest.fixture(scope="module")
def deaf(crowded: Large) -> Iterator[Deaf]:
    """Somebody who does not read, while all the tests of the large store run."""
    with Deaf(crowded.server, crowded.largest) as found:
        yield found


def test_a_hundred_thousand_trials_are_read_quickly(crowded: Large, deaf: Deaf) -> None:
    hold(lambda: large.reads(crowded.server, crowded.largest, repeats=10))


def test_large_fronts_bundles_and_reports_do_not_hold_up_the_others(crowded: Large) -> None:
    hold(lambda: large.everything_at_once(crowded.server, crowded.largest, seconds=6))


def test_fifty_streams_miss_nothing_and_do_not_wait_for_who_is_deaf(crowded: Large, deaf: Deaf) -> None:
    hold(lambda: streams.watch(crowded.server, "steady", seconds=10))
    deaf.wait_dropped()


def test_mixed_requests_are_answered_in_time(tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server:
        # a machine that is n times slower gets n times fewer, or a queue of requests would be measured
        rate = mixed.RATE / busyness()
        hold(lambda: mixed.mix(server, seconds=6, rate=rate))


def test_results_are_kept_as_fast_as_sixty_four_workers_bring_them(tmp_path: Path) -> None:
    database = tmp_path / "home" / "sparsearch.db"
    hold(lambda: completions.complete(tmp_path, database, 300, "SQLite FULL", bar=20))


def test_watching_costs_a_search_next_to_nothing(tmp_path: Path) -> None:
    with slow_home(tmp_path / "home") as server:
        figures = watching.compare(server, "steady", turns=2, seconds=1.5)
        # a share, not a time: half of the machine may be somebody else's now and in the next turn
        share, errors = figures
        assert errors.held()
        assert share.value >= 60, str(share)


def test_requests_beyond_the_queue_are_refused_politely(tmp_path: Path) -> None:
    add_target(tmp_path / "home", "slow", delay_s=5)
    with live_server(tmp_path / "home") as server:
        hold(lambda: queueing.flood(server, "slow", posts=400, seconds=4))


def test_small_answers_leave_at_once(tmp_path: Path) -> None:
    """Nagle's algorithm and delayed acknowledgements together would hold each one back for 40 ms."""
    with live_server(tmp_path / "home") as server:
        times = []
        for _ in range(40):
            begun = time.perf_counter()
            assert server.client.get("/healthz").status_code == 200
            times.append(time.perf_counter() - begun)
    # the quickest: others may disturb most of them, but not all
    assert min(times) < 0.03
