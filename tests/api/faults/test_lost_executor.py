"""Ray is lost in the middle of a search: the search says so, waits for a new one, and repeats nothing finished."""

import os
import signal
from collections import Counter
from pathlib import Path

from tests.api.faults.support import (
    SLACK,
    add_target,
    create,
    evaluated,
    events,
    reach,
    running,
    show,
    signal_tree,
    until,
)
from tests.api.support import LiveServer, live_server

BACK_S = 60.0
WORKERS = 2


def test_lost_ray_is_replaced_and_nothing_finished_is_repeated(tmp_path: Path) -> None:
    log = add_target(tmp_path / "home", "slow", delay_s=0.5)
    with live_server(tmp_path / "home") as server:
        name = create(server.client, target="slow", evaluations=20, workers=WORKERS)
        for losses, kill in enumerate((kill_raylet, kill_all_of_ray), start=1):
            before = len(finished(server, name))
            until(lambda before=before: len(finished(server, name)) > before + WORKERS, "trials finish", BACK_S * SLACK)
            kept = finished(server, name)
            kill(server)
            until(lambda losses=losses: said(server, name, True) == losses, "Ray is missed", BACK_S * SLACK)
            assert show(server.client, name)["state"] == "running"
            until(lambda losses=losses: said(server, name, False) == losses, "Ray is back", BACK_S * SLACK)
            assert kept <= finished(server, name)
        found = reach(server.client, name, timeout_s=120)
        assert found["state"] == "succeeded", found["message"]
        lost = next(one for one in found["conditions"] if one["type"] == "ExecutorLost")
        assert (lost["status"], lost["reason"]) == (False, "ray-restarted")
        # what ran when Ray went was made again; all else was made once
        counts = Counter(evaluated(log))
        assert sum(counts.values()) - len(counts) <= 2 * WORKERS
        log_of = events(server.client, name)
        assert [one["attempts"] for one in log_of if one["name"] == "trial"] == [1] * len(finished(server, name))


def finished(server: LiveServer, name: str) -> set[str]:
    """Plans that have a result."""
    return {event["point"] for event in events(server.client, name) if event["name"] == "trial"}


def said(server: LiveServer, name: str, status: bool) -> int:
    """How often the search has said that Ray is lost, or back."""
    log = events(server.client, name)
    assert log[-1]["name"] != "end", log[-1]
    lost = "ExecutorLost", status
    return sum(event["name"] == "condition" and (event["type"], event["status"]) == lost for event in log)


def kill_raylet(server: LiveServer) -> None:
    """The daemon that starts workers."""
    (raylet,) = running(server, "raylet/raylet")
    os.kill(raylet, signal.SIGKILL)


def kill_all_of_ray(server: LiveServer) -> None:
    """Everything, workers first: their deaths alone must not be taken for all that happened."""
    runners = set(running(server, "search.runner"))
    found = [pid for what in ("ray::", "raylet", "gcs_server", "/ray/") for pid in running(server, what)]
    assert len(set(found) - runners) >= 2 + WORKERS
    for pid in dict.fromkeys(found):
        if pid not in runners:
            signal_tree(pid, signal.SIGKILL)
