"""L1 and L6: a store with a thousand searches, one of them with a hundred thousand trials."""

import asyncio
import time

import httpx

from tests.api.faults.support import create, reach
from tests.api.loads.figures import Figure, percentile
from tests.api.loads.machine import loop_lag
from tests.api.support import LiveServer

SEARCHES = 1_000
TRIALS = 100_000


def reads(server: LiveServer, largest: str, repeats: int = 40) -> list[Figure]:
    """L1: what the pages ask for.

    Args:
        largest: the search with the many trials.
    """
    client = server.client
    path = f"/v1/searches/{largest}"
    first = client.get("/v1/searches", params={"page_size": 50}).json()
    assert len(first["items"]) == 50
    page = client.get(f"{path}/trials", params={"page_size": 200}).json()
    assert len(page["items"]) == 200
    asked = {
        "list of 50, p95": ("/v1/searches", {"page_size": 50}, 100.0),
        "list of 50, next page, p95": (
            "/v1/searches",
            {"page_size": 50, "page_token": first["next_page_token"]},
            100.0,
        ),
        "trials page of 200, p95": (f"{path}/trials", {"page_size": 200}, 100.0),
        "trials, next page, p95": (f"{path}/trials", {"page_size": 200, "page_token": page["next_page_token"]}, 100.0),
        "front of 100,000 trials, p95": (f"{path}/front", {}, 150.0),
        "front for another budget, p95": (f"{path}/front", {"budget_ms": 30}, 150.0),
        "search with 100,000 trials, p95": (path, {}, 100.0),
    }
    times: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(repeats):
        for name, (where, query, _) in asked.items():
            begun = time.perf_counter()
            answer = client.get(where, params=query)
            times[name].append(1000 * (time.perf_counter() - begun))
            assert answer.status_code == 200, answer.text
    return [Figure("L1", name, percentile(times[name], 0.95), "ms", asked[name][2]) for name in asked]


def everything_at_once(server: LiveServer, largest: str, seconds: float = 15.0) -> list[Figure]:
    """L6: front of many trials, a bundle that has to be made, and a report, while the event loop is watched."""
    small = create(server.client, evaluations=6)
    answer = reach(server.client, small)["answer"]
    shown = server.client.get(f"/v1/searches/{small}/front").json()["points"]
    points = [point["id"] for point in shown if point["id"] != answer["point"]]
    before = loop_lag(server)
    served = asyncio.run(_at_once(server.url, largest, small, points, seconds))
    lag = loop_lag(server).since(before)
    assert served["front"] and served["report"] and served["bundle"]
    return [
        Figure("L6", "event loop lag, p99 (upper bound)", 1000 * lag.bound(0.99), "ms", 100.0),
        Figure("L6", "event loop lag, max (upper bound)", 1000 * lag.bound(1.0), "ms", 250.0),
    ]


async def _at_once(url: str, largest: str, small: str, points: list[str], seconds: float) -> dict[str, int]:
    served = dict.fromkeys(("front", "report", "bundle"), 0)
    deadline = time.monotonic() + seconds

    async def again_and_again(what: str, paths: list[str]) -> None:
        number = 0
        while time.monotonic() < deadline:
            answer = await client.get(paths[number % len(paths)])
            assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text[:300]}"
            served[what] += 1
            number += 1

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        fronts = [f"/v1/searches/{largest}/front?budget_ms={budget}" for budget in range(25, 45)]
        await asyncio.gather(
            again_and_again("front", fronts),
            again_and_again("report", [f"/v1/searches/{small}/report.html"]),
            again_and_again("bundle", [f"/v1/searches/{small}/front/{point}/bundle.zip" for point in points]),
        )
    return served
