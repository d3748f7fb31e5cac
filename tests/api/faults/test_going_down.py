"""SIGTERM while many watch and trials run: a quick, clean end that everybody is told of, and nothing is lost."""

import json
import threading
from pathlib import Path

import httpx

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
    trials,
    until,
)
from tests.api.support import LiveServer, live_server

STREAMS = 50
WORKERS = 4
DOWN_S = 5.0


class Watcher(threading.Thread):
    """Follows a search until the stream ends."""

    def __init__(self, server: LiveServer, search_id: str) -> None:
        super().__init__(daemon=True)
        self._url = f"{server.url}/v1/searches/{search_id}/events"
        self.names: list[str] = []
        self.numbers: list[int] = []
        self.error = ""

    def run(self) -> None:
        try:
            with httpx.stream("GET", self._url, params={"after": 0}, timeout=60) as answer:
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "event":
                        self.names.append(value)
                    elif field == "id":
                        self.numbers.append(int(value))
        except httpx.TransportError as error:
            self.error = str(error)


def test_everybody_is_told_and_running_trials_are_handed_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    log = add_target(home, "slow", delay_s=0.8)
    more = {"SPARSEARCH_STREAMS_PER_CLIENT": str(STREAMS + 10)}
    with live_server(home, environment=more) as server:
        name = create(server.client, target="slow", evaluations=8, workers=WORKERS)
        until(lambda: show(server.client, name)["trials"]["done"] >= 1, "a trial is done")
        until(lambda: len(running(server, "ray::Worker")) == WORKERS, "all workers are busy")
        watchers = [Watcher(server, name) for _ in range(STREAMS)]
        for watcher in watchers:
            watcher.start()
        until(lambda: all(watcher.numbers for watcher in watchers), "everybody watches")
        before = {event["seq"]: event for event in events(server.client, name)}
        beside = processes(server)
        code, seconds = server.terminate()
        assert code == 0
        assert seconds <= DOWN_S * SLACK
        for watcher in watchers:
            watcher.join(10)
        assert [watcher.names[-1] for watcher in watchers] == ["shutdown"] * STREAMS
        assert not any(watcher.error for watcher in watchers)
        # every one has seen the whole log so far, without a gap
        assert all(watcher.numbers == list(range(1, len(watcher.numbers) + 1)) for watcher in watchers)
        until(lambda: not any(map(is_alive, beside)), "whatever it had started is gone", 10 * SLACK)

        server.restart()
        found = reach(server.client, name, timeout_s=120)
        assert found["state"] == "succeeded", found["message"]
        log_now = {event["seq"]: event for event in events(server.client, name)}
        assert {seq: log_now[seq] for seq in before} == before
        made = trials(server.client, name)
        assert {trial["state"] for trial in made} == {"done"}, "released, not failed"
        assert {trial["attempts"] for trial in made} == {1}
        said = [json.loads(line) for line in server.text().splitlines() if line.startswith("{")]
        assert not [line for line in said if line.get("level") == "error"]
    assert log.exists()
