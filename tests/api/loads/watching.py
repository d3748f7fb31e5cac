"""L5: does watching cost the search anything? The same search, watched and alone in turns."""

import threading
import time

import httpx

from tests.api.faults.support import create, show, until
from tests.api.loads.figures import Figure
from tests.api.support import LiveServer

WATCHERS = 20
EVERY_S = 2.0
"""How often a watcher asks for the front and the search."""


def compare(server: LiveServer, target: str, turns: int, seconds: float) -> list[Figure]:
    """Trials finished in turns with and without watchers.

    Args:
        server: allows that many streams per client.
        target: makes some trials a second.
        turns: of each kind, one after the other, so that both meet the same noise.
        seconds: of a turn.
    """
    name = create(server.client, target=target, evaluations=100_000)
    until(lambda: show(server.client, name)["trials"]["done"] >= 8, "trials are done")
    rates: dict[bool, list[float]] = {True: [], False: []}
    errors: list[str] = []
    for turn in range(2 * turns):
        # ABBA: a drift of the machine meets both alike
        watched = turn % 4 in (1, 2)
        stop = threading.Event()
        threads = [
            threading.Thread(target=_watch, args=(server.url, name, number, stop, errors), daemon=True)
            for number in range(WATCHERS if watched else 0)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        before, begun = _done(server, name), time.perf_counter()
        time.sleep(seconds)
        rates[watched].append((_done(server, name) - before) / (time.perf_counter() - begun))
        stop.set()
        for thread in threads:
            thread.join(30)
    server.client.post(f"/v1/searches/{name}/cancel")
    share = 100 * sum(rates[True]) / sum(rates[False])
    return [
        Figure("L5", f"speed of a search with {WATCHERS} watchers", share, "%", 95.0, at_least=True),
        Figure("L5", "errors that watchers met", len(errors), "", 0, exact=True),
    ]


def _done(server: LiveServer, name: str) -> int:
    found: int = show(server.client, name)["trials"]["done"]
    return found


def _watch(url: str, name: str, number: int, stop: threading.Event, errors: list[str]) -> None:
    """A page: the event stream, and now and then the front and the search."""
    path = f"/v1/searches/{name}"
    try:
        with (
            httpx.Client(base_url=url, timeout=30) as client,
            client.stream("GET", f"{path}/events", headers={"Accept": "text/event-stream"}) as stream,
        ):
            asked = time.monotonic() - EVERY_S * number / WATCHERS
            for _ in stream.iter_lines():
                if stop.is_set():
                    return
                if time.monotonic() - asked > EVERY_S:
                    asked = time.monotonic()
                    for answer in (client.get(path), client.get(f"{path}/front")):
                        if answer.status_code != 200:
                            errors.append(f"{answer.status_code} {answer.text[:200]}")
    except httpx.TransportError as error:
        errors.append(str(error))
