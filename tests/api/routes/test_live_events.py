"""Events of a running search from a real server: cut and resumed, many at once, told when the service goes down."""

import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.routes.test_events import parsed
from tests.api.support import LiveServer, live_server

BODY = {"target": "synthetic-swin-t", "max_ms": 30, "effort": {"evaluations": 24}}


def read(url: str, position: str, most: int | None = None, pause_s: float = 0.0) -> tuple[bytes, bool]:
    """The bytes of a stream from a position, cut after `most`; and whether the server ended it."""
    got = b""
    with httpx.stream("GET", f"{url}?after=0", headers={"Last-Event-ID": position}, timeout=60) as stream:
        assert stream.status_code in (200, 204), stream.read()
        for piece in stream.iter_raw(97):
            got += piece
            time.sleep(pause_s)
            if most is not None and len(got) >= most:
                return got[:most], False
    return got, True


def follow(url: str, seed: int) -> list[tuple[str | None, str, str]]:
    """All events, by a client whose connection breaks again and again at any byte."""
    rng, found, position, ended = random.Random(seed), [], "0", False
    while not ended:
        got, ended = read(url, position, rng.randrange(1, 20_000) if rng.random() < 0.8 else None)
        events = parsed(got)
        found += events
        position = (events[-1][0] or position) if events else position
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with live_server(tmp_path / "live", environment={"SPARSEARCH_STREAMS_PER_CLIENT": "60"}) as server:
        yield server


def test_clients_that_break_off_anywhere_see_the_same_log_as_one_that_does_not(server: LiveServer) -> None:
    path = server.client.post("/v1/searches", json=BODY).json()["links"]["self"]
    url = f"{server.url}{path}/events"
    seen: dict[int, list[tuple[str | None, str, str]]] = {}

    def run(seed: int) -> None:
        seen[seed] = follow(url, seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    whole = parsed(read(url, "0")[0])
    assert [id for id, _, _ in whole] == [str(number) for number in range(1, len(whole) + 1)]
    assert whole[-1][1] == "end" and json.loads(whole[-1][2])["state"] == "succeeded"
    assert [seen.get(seed) == whole for seed in range(12)] == [True] * 12
    assert server.client.get("/metrics").text.count("sparsearch_streams 0.0") == 1


def test_every_stream_is_told_when_the_service_goes_down(server: LiveServer) -> None:
    # the device is taken by the first search for as long as this test needs
    body = {**BODY, "effort": {"evaluations": 50_000}}
    paths = [server.client.post("/v1/searches", json=body).json()["links"]["self"] for _ in range(2)]
    streams: list[bytes] = []
    opened = threading.Semaphore(0)

    def run(url: str) -> None:
        got = b""
        with httpx.stream("GET", url, timeout=60) as stream:
            for piece in stream.iter_raw():
                if not got:
                    opened.release()
                got += piece
        streams.append(got)

    threads = [threading.Thread(target=run, args=(f"{server.url}{paths[n % 2]}/events",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert opened.acquire(timeout=30)
    code, seconds = server.terminate()
    for thread in threads:
        thread.join(10)
    assert code == 0 and seconds <= 5.0
    assert len(streams) == 20
    for got in streams:
        *_, (id, name, data) = parsed(got)
        assert (id, name) == (None, "shutdown") and json.loads(data)["name"] == "shutdown"
