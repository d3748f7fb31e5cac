"""Evaluators that crash, hang, raise, want too much memory or give no number: bounded attempts, and a reason."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.api.faults.support import SLACK, add_target, create, events, reach, trials
from tests.api.support import LiveServer, live_server

CAUSES = {"crash": "crash", "hang": "timeout", "nan": "nan", "raise": "error", "memory": "memory"}
"""What the evaluator does, and what it is called."""

ATTEMPTS = {"crash": 3, "hang": 3, "nan": 1, "raise": 3, "memory": 3}
TIMEOUT_S = 0.2
"""An evaluation may take so long."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One service with a target per fault."""
    home = tmp_path_factory.mktemp("bad") / "home"
    for fault in CAUSES:
        add_target(home, f"bad-{fault}", fault=fault)
    add_target(home, "weak", fault="nan", fault_share=0.3)
    with live_server(home) as started:
        yield started


@pytest.mark.parametrize("fault", CAUSES)
def test_search_whose_every_trial_fails_ends_and_names_the_cause(server: LiveServer, fault: str) -> None:
    started = time.monotonic()
    name = create(server.client, target=f"bad-{fault}", evaluations=12, evaluation_timeout_s=TIMEOUT_S)
    found = reach(server.client, name, timeout_s=120)
    assert found["state"] == "failed"
    assert CAUSES[fault] in found["message"]
    made = trials(server.client, name)
    assert {trial["state"] for trial in made} == {"failed"}
    assert {trial["cause"] for trial in made} == {CAUSES[fault]}
    assert {trial["attempts"] for trial in made} == {ATTEMPTS[fault]}
    assert all(trial["error"] and trial["metric"] is None for trial in made)
    assert len(made) == 5, "five say enough"
    front = server.client.get(f"/v1/searches/{name}/front").json()
    assert front["points"] == []
    if fault == "hang":
        assert time.monotonic() - started <= (5 * 3 * (TIMEOUT_S + 5)) * SLACK


def test_search_goes_on_when_some_trials_fail(server: LiveServer) -> None:
    name = create(server.client, target="weak", evaluations=16)
    found = reach(server.client, name)
    assert found["state"] == "succeeded", found["message"]
    made = trials(server.client, name)
    bad = {trial["point"] for trial in made if trial["state"] == "failed"}
    assert bad
    front = server.client.get(f"/v1/searches/{name}/front").json()
    shown = {point["id"] for point in front["points"]}
    assert shown
    assert not shown & bad, "what has no metric is on no front"
    assert "NaN" not in json.dumps(events(server.client, name))
