"""kill -9 of what evaluates, in the middle of trials: every trial ends, each counts once, the search goes on."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.api.faults.support import (
    SLACK,
    add_target,
    create,
    evaluated,
    events,
    reach,
    runner,
    running,
    trials,
    until,
)
from tests.api.support import LiveServer, live_server

KILLS = 5
"""Per kind of process."""

ATTEMPTS = 3
NOTICED_S = 40.0
"""From the kill to the end of the trial that was hit."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    add_target(tmp_path / "home", "slow", delay_s=0.4)
    with live_server(tmp_path / "home") as started:
        yield started


def test_killed_runners_cost_only_the_trial_that_ran(server: LiveServer) -> None:
    name = create(server.client, target="slow", evaluations=12)
    rng = random.Random(2)
    kills, last = [], None
    for number in range(KILLS):
        last = runner(server, besides=last)
        # new results between kills: three deaths in a row without one would end the search
        until(lambda number=number: done(server, name) > number, "a trial finishes")
        time.sleep(rng.uniform(0.0, 0.4))
        os.kill(last, signal.SIGKILL)
        kills.append(time.time())
    check(server, name, kills, asked=12)
    # of one plan at a time, at most the one that was hit was made twice
    assert repeats(server) <= KILLS


def test_killed_workers_of_ray_cost_only_the_trials_they_ran(server: LiveServer) -> None:
    name = create(server.client, target="slow", evaluations=20, workers=2)
    rng = random.Random(3)
    kills = []
    for number in range(KILLS):
        until(lambda number=number: done(server, name) > 2 * number, "trials finish")
        worker = rng.choice(until(lambda: running(server, "ray::Worker"), "a worker runs"))
        time.sleep(rng.uniform(0.0, 0.4))
        try:
            os.kill(worker, signal.SIGKILL)
        except ProcessLookupError:
            worker = until(lambda: running(server, "ray::Worker"), "another worker runs")[0]
            os.kill(worker, signal.SIGKILL)
        kills.append(time.time())
    check(server, name, kills, asked=20)
    assert repeats(server) <= KILLS


def done(server: LiveServer, name: str) -> int:
    """How many trials have a result."""
    return sum(event["name"] == "trial" for event in events(server.client, name))


def repeats(server: LiveServer) -> int:
    """Evaluations beyond the first of their plan that came to their end."""
    plans = Counter(evaluated(server.home / "slow.log"))
    return sum(plans.values()) - len(plans)


def check(server: LiveServer, name: str, kills: list[float], asked: int) -> None:
    """Every trial has ended, in time, within its attempts, and counts once."""
    found = reach(server.client, name)
    assert found["state"] == "succeeded", found["message"]
    made = trials(server.client, name)
    assert {trial["state"] for trial in made} <= {"done", "failed"}
    assert all(1 <= trial["attempts"] <= ATTEMPTS for trial in made if trial["origin"] != "archive")
    plans = {str(sorted(trial["plan"].items())) for trial in made}
    assert len(plans) == len(made) == found["trials"]["total"]
    results = [event for event in events(server.client, name) if event["name"] == "trial"]
    assert len(results) == len(made), "each counts once"
    assert len(made) >= asked
    for kill in kills:
        assert max((ended(trial) - kill for trial in made if asked_at(trial) <= kill), default=0) <= NOTICED_S * SLACK


def asked_at(trial: dict[str, Any]) -> float:
    return datetime.fromisoformat(trial["asked_at"]).timestamp()


def ended(trial: dict[str, Any]) -> float:
    return datetime.fromisoformat(trial["ended_at"]).timestamp()
