"""Cancel is bounded: soon after the answer nothing runs any more, and no trial is begun."""

import time
from pathlib import Path

import pytest

from tests.api.faults.support import (
    SLACK,
    add_target,
    create,
    events,
    is_alive,
    processes,
    reach,
    running,
    show,
    until,
)
from tests.api.support import live_server

GONE_S = 10.0


@pytest.mark.parametrize("workers", [1, 2], ids=["in the runner", "on Ray"])
def test_nothing_is_left_running_after_a_cancel(tmp_path: Path, workers: int) -> None:
    home = tmp_path / "home"
    # an evaluation that would take minutes
    log = add_target(home, "endless", delay_s=300)
    with live_server(home) as server:
        name = create(server.client, target="endless", evaluations=8, workers=workers)
        until(lambda: show(server.client, name)["trials"]["running"] >= workers, "trials run", 90)
        evaluator = "ray::Worker.evaluate" if workers > 1 else "search.runner"
        until(lambda: len(running(server, evaluator)) == workers, "they are being evaluated", 90)
        before = processes(server)
        answer = server.client.post(f"/v1/searches/{name}/cancel")
        asked = time.monotonic()
        assert answer.status_code == 202
        at = answer.json()["updated_at"]
        until(lambda: not processes(server), "everything has ended", GONE_S * SLACK)
        until(lambda: not any(map(is_alive, before)), "also what has left its parents", GONE_S * SLACK)
        print(f"all gone after {time.monotonic() - asked:.1f} s")
        found = reach(server.client, name)
        assert found["state"] == "cancelled"
        later = [event for event in events(server.client, name) if event["at"] > at]
        assert not [event for event in later if event["name"] in ("ask", "trial") or event.get("state") == "started"]
        assert found["trials"]["running"] == 0
        assert server.client.post(f"/v1/searches/{name}/cancel").status_code == 200
    assert not log.exists(), "no evaluation came to its end"
