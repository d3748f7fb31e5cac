"""L3: what many users do in a minute, on SQLite, while a search runs."""

import asyncio
import random

import httpx

from tests.api.faults.support import create, request
from tests.api.loads.figures import Figure, percentile
from tests.api.loads.requests import Reply, steady
from tests.api.support import LiveServer

RATE = 50.0
WEIGHTS = {"show": 40, "list": 20, "front": 15, "trials": 10, "create": 8, "cancel": 7}


def mix(server: LiveServer, seconds: float, rate: float = RATE) -> list[Figure]:
    """Requests of every kind at a steady rate.

    Args:
        rate: requests a second.
    """
    known = [create(server.client, evaluations=4, name=f"first {number}") for number in range(3)]
    open_ones: list[str] = []
    rng = random.Random(3)

    async def ask(client: httpx.AsyncClient, number: int) -> tuple[str, httpx.Response]:
        what = rng.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
        if what == "create" or (what == "cancel" and not open_ones):
            answer = await client.post(
                "/v1/searches", json=request(name=f"search {number}"), headers={"Idempotency-Key": f"key-{number}"}
            )
            if answer.status_code == 202:
                open_ones.append(answer.json()["id"])
                known.append(open_ones[-1])
            return "create", answer
        if what == "cancel":
            return what, await client.post(f"/v1/searches/{open_ones.pop(0)}/cancel")
        if what == "list":
            return what, await client.get("/v1/searches")
        chosen = f"/v1/searches/{rng.choice(known)}"
        return what, await client.get(chosen if what == "show" else f"{chosen}/{what}")

    replies = asyncio.run(steady(server.url, rate, round(rate * seconds), ask))
    # 409: it had ended before it could be cancelled
    strange = [one for one in replies if one.status not in (200, 202) and (one.what, one.status) != ("cancel", 409)]
    assert not strange, strange[:5]
    return [
        Figure(
            "L3", f"{rate:.0f} mixed requests a second, p95", percentile([one.ms for one in replies], 0.95), "ms", 200.0
        ),
        *(Figure("L3", f"of these, {what}, p95", _p95(replies, what), "ms", 200.0) for what in WEIGHTS),
        Figure("L3", "answers 5xx", sum(one.status >= 500 for one in replies), "", 0, exact=True),
        Figure("L3", 'log lines with "locked"', server.text().count("locked"), "", 0, exact=True),
    ]


def _p95(replies: list[Reply], what: str) -> float:
    return percentile([one.ms for one in replies if one.what == what], 0.95)
