"""L2: many follow one search."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from tests.api.faults.support import create, show, until
from tests.api.loads.figures import Figure, percentile
from tests.api.loads.machine import metric, rss_mb
from tests.api.support import LiveServer

STREAMS = 50


@dataclass(slots=True)
class Reader:
    """What one stream brought: numbers of events, and how many seconds after its commit each came."""

    numbers: list[int] = field(default_factory=list)
    lags_s: list[float] = field(default_factory=list)


def watch(server: LiveServer, target: str, seconds: float) -> list[Figure]:
    """Follow one search with many streams.

    Args:
        server: allows that many streams per client.
        target: makes about five trials, ten events, a second.
    """
    name = create(server.client, target=target, evaluations=100_000)
    until(lambda: show(server.client, name)["trials"]["done"] >= 2, "trials are done")
    before = metric(server, "sparsearch_streams")
    memory = [rss_mb(server)]
    stop = threading.Event()
    sampler = threading.Thread(target=_sample, args=(server, memory, stop), daemon=True)
    sampler.start()
    try:
        readers = asyncio.run(_read(server.url, name, seconds))
    finally:
        stop.set()
        sampler.join(10)
    server.client.post(f"/v1/searches/{name}/cancel")
    until(lambda: metric(server, "sparsearch_streams") <= before, "streams are counted down", 30)
    gaps = sum(reader.numbers != list(range(1, len(reader.numbers) + 1)) for reader in readers)
    lags = [lag for reader in readers for lag in reader.lags_s]
    return [
        Figure("L2", f"events a second to each of {STREAMS}", len(lags) / STREAMS / seconds, "1/s", 8, at_least=True),
        Figure("L2", "lag behind the commit, p99", 1000 * percentile(lags, 0.99), "ms", 1000.0),
        Figure("L2", "streams with a gap", gaps, "", 0, exact=True),
        Figure("L2", "memory growth", max(memory) - memory[0], "MB", 50.0),
    ]


async def _read(url: str, name: str, seconds: float) -> list[Reader]:
    limits = httpx.Limits(max_connections=STREAMS + 10)
    timeout = httpx.Timeout(30, pool=60)
    readers = [Reader() for _ in range(STREAMS)]
    async with httpx.AsyncClient(base_url=url, timeout=timeout, limits=limits) as client:
        begun = time.time()
        tasks = [asyncio.create_task(_follow(client, name, reader, begun)) for reader in readers]
        done, running = await asyncio.wait(tasks, timeout=seconds)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in done:
            task.result()
            raise AssertionError("a stream ended before the search did")
    return readers


async def _follow(client: httpx.AsyncClient, name: str, reader: Reader, begun: float) -> None:
    async with client.stream("GET", f"/v1/searches/{name}/events", params={"after": 0}) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            kind, _, value = line.partition(": ")
            if kind == "id":
                reader.numbers.append(int(value))
            elif kind == "data":
                at = datetime.fromisoformat(json.loads(value)["at"]).timestamp()
                if at > begun:  # what came before is replayed, and has no lag
                    reader.lags_s.append(time.time() - at)


def _sample(server: LiveServer, memory: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        memory.append(rss_mb(server))
