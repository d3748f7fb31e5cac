"""The answer to a request is lost after the service has acted: a client that sends its key again gets one search."""

import itertools
import time
from pathlib import Path

import httpx

from tests.api.faults.proxy import Cut, CuttingProxy
from tests.api.faults.support import request, searches
from tests.api.support import LiveServer, live_server

SEARCHES = 50
TRIES = 10


def ask_until_answered(url: str, key: str, name: str) -> httpx.Response:
    """What a patient client does: the same request with the same key, until an answer comes."""
    for _ in range(TRIES):
        try:
            # a connection per request, as after every cut
            answer = httpx.post(
                f"{url}/v1/searches", json=request(name=name), headers={"Idempotency-Key": key}, timeout=30
            )
        except httpx.TransportError:
            continue
        if answer.status_code == 409 and answer.json()["type"].endswith("/idempotency-in-flight"):
            # the request that was cut is still at work
            time.sleep(0.1)
            continue
        return answer
    raise AssertionError(f"no answer in {TRIES} tries")


def lose_answers(server: LiveServer, count: int) -> None:
    """`count` searches, each asked for through one to three cuts; the service must have exactly one of each."""
    kinds = itertools.cycle([Cut.ANSWERED, Cut.FORWARDED, Cut.HALFWAY])
    plan: list[Cut] = []
    for number in range(count):
        plan += [*itertools.islice(kinds, 1 + number % 3), Cut.NONE]
    told = {}
    with CuttingProxy(server.port, iter(plan)) as proxy:
        for number in range(count):
            answer = ask_until_answered(proxy.url, f"key-{number}", f"search {number}")
            assert answer.status_code == 202, answer.text
            told[answer.json()["name"]] = answer.json()["id"]
    assert proxy.cuts >= count
    assert len(set(told.values())) == count
    assert {one["name"]: one["id"] for one in searches(server.client)} == told
    # and a key is remembered for good
    again = ask_until_answered(server.url, "key-0", "search 0")
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (told["search 0"], "true")
    assert len(searches(server.client)) == count


def test_lost_answers_make_no_second_search(tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server:
        lose_answers(server, SEARCHES)
