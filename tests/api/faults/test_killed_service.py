"""kill -9 of the service at random instants, with clients at work: what it has acknowledged is there afterwards."""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.api.faults.support import SLACK, TERMINAL, events, integrity, searches, trials
from tests.api.faults.traffic import Traffic
from tests.api.support import LiveServer, live_server

KILLS = 20
READY_S = 5.0

ONCE = ("prepared", "model", "confirm", "export", "end")
"""Steps of a search that may be in its log once."""


def kill_again_and_again(server: LiveServer, kills: int, seed: int) -> None:
    """Kill and restart a service under traffic, then compare what it holds with what it said."""
    rng = random.Random(seed)
    slowest = 0.0
    database = None if "--database" in server.arguments else server.home / "sparsearch.db"
    with Traffic(server.url, seed) as traffic:
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.8))
            server.kill()
            if database is not None:
                assert integrity(database) == "ok"
            slowest = max(slowest, server.restart())
        time.sleep(0.5)
    assert slowest <= READY_S * SLACK
    traffic.finish(server.client)
    assert traffic.surprises == []
    check(server, traffic)
    print(
        f"{kills} kills: {len(traffic.created)} searches, {len(traffic.cancelled)} cancelled, slowest {slowest:.1f} s"
    )


def check(server: LiveServer, traffic: Traffic) -> None:
    """Nothing acknowledged is lost, nothing is doubled."""
    stored = searches(server.client)
    by_name = {one["name"]: one for one in stored}
    assert len(by_name) == len(stored), "a key made two searches"
    assert {key: by_name[key]["id"] for key in traffic.created} == traffic.created
    states = Counter(one["state"] for one in stored)
    assert set(states) <= {"succeeded", "cancelled"}, [(one["state"], one["message"]) for one in stored]
    assert states["succeeded"] >= 2, "the traffic must complete searches"
    assert traffic.cancelled, "and cancel some"
    assert traffic.cancelled <= {one["id"] for one in stored if one["state"] == "cancelled"}
    for one in stored:
        log = events(server.client, one["id"])
        check_log(log)
        assert one["state"] in TERMINAL
        assert (log[-1]["name"], log[-1]["state"]) == ("end", one["state"])
        told = {event["seq"]: event for event in log}
        assert {seq: told.get(seq) for seq in traffic.seen[one["id"]]} == dict(traffic.seen[one["id"]])
        results = trials(server.client, one["id"])
        plans = [str(sorted(trial["plan"].items())) for trial in results]
        assert len(set(plans)) == len(plans)
        assert all(trial["state"] == "done" for trial in results if one["state"] == "succeeded")


def check_log(log: list[dict[str, Any]]) -> None:
    """Numbers without a gap; what can happen once happened once."""
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    names = Counter(event["name"] for event in log)
    assert all(names[name] <= 1 for name in ONCE), names
    told = [event["number"] for event in log if event["name"] == "trial"]
    assert len(told) == len(set(told))


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server:
        kill_again_and_again(server, KILLS, seed=1)
