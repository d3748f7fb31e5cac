"""Requests at a steady rate, whatever the service does: who is slow does not slow down who asks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request.

    Args:
        what: the kind of request.
        status: HTTP status.
        ms: from the moment it was due to the end of the answer.
        retry_after: whether the answer says when to come again.
        type: of a problem.
    """

    what: str
    status: int
    ms: float
    retry_after: bool = False
    type: str = ""


Ask = Callable[[httpx.AsyncClient, int], Awaitable[tuple[str, httpx.Response]]]


async def steady(url: str, rate: float, count: int, ask: Ask) -> list[Reply]:
    """Send `count` requests, `rate` per second.

    Args:
        ask: sends number so-and-so; returns its kind and the answer.
    """
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        started = time.perf_counter()

        async def one(number: int) -> Reply:
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            what, answer = await ask(client, number)
            ms = 1000 * (time.perf_counter() - due)
            kind = answer.headers.get("content-type", "")
            slug = answer.json()["type"].rpartition("/")[2] if kind == "application/problem+json" else ""
            return Reply(what, answer.status_code, ms, "retry-after" in answer.headers, slug)

        return list(await asyncio.gather(*(one(number) for number in range(count))))
