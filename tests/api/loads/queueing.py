"""L8: far more requests than the queue takes."""

import asyncio

import httpx

from tests.api.faults.support import create, request, show, until
from tests.api.loads.figures import Figure, percentile
from tests.api.loads.machine import rss_mb
from tests.api.loads.requests import steady
from tests.api.support import LiveServer

CAP = 100
POSTS = 1_000
SECONDS = 10.0


def flood(server: LiveServer, target: str, posts: int = POSTS, seconds: float = SECONDS) -> list[Figure]:
    """Many requests in a short time.

    Args:
        server: with the usual cap.
        target: so slow that one search runs all the time.
    """
    running = create(server.client, target=target, evaluations=1000)
    until(lambda: show(server.client, running)["state"] == "running", "a search runs")
    before = rss_mb(server)

    async def ask(client: httpx.AsyncClient, number: int) -> tuple[str, httpx.Response]:
        body = request(target, name=f"search {number}")
        return "create", await client.post("/v1/searches", json=body, headers={"Idempotency-Key": f"key-{number}"})

    replies = asyncio.run(steady(server.url, posts / seconds, posts, ask))
    accepted = [one for one in replies if one.status == 202]
    refused = [one for one in replies if one.status == 429]
    assert all(one.retry_after and one.type == "queue-full" for one in refused)
    assert len(accepted) + len(refused) == posts, {one.status for one in replies}
    return [
        Figure("L8", f"accepted of {posts}, beyond the cap of {CAP}", abs(len(accepted) - CAP), "", 0, exact=True),
        Figure("L8", "answers 5xx", sum(one.status >= 500 for one in replies), "", 0, exact=True),
        Figure("L8", "time to accept or refuse, p95", percentile([one.ms for one in replies], 0.95), "ms", 1000.0),
        Figure("L8", "memory growth", rss_mb(server) - before, "MB", 20.0),
    ]
