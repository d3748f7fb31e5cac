"""What the tests in a browser ask of a real service."""

import time
from typing import Any

import httpx

HOSTILE = "<img src=x onerror=document.title='owned'>{{7*7}}<script>document.title='owned'</script>\"'&"

TARGETS = """
[targets.slow-swin-t]
kind = "synthetic"
device = "sim:0"
input_size = [672, 672]
batch = 4
description = "SIMULATED: takes its time, so that one can watch"
options = {delay_s = 0.4}
"""

ENDED = ("succeeded", "stopped", "cancelled", "infeasible", "failed")


def start_search(client: httpx.Client, **request: Any) -> str:
    """Ask for a search; returns its id."""
    answer = client.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 30, **request})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait_for(client: httpx.Client, search: str, *states: str, timeout_s: float = 120.0) -> dict[str, Any]:
    """Wait until a search is in one of `states`; returns it."""
    deadline = time.monotonic() + timeout_s
    while True:
        found: dict[str, Any] = client.get(f"/v1/searches/{search}").json()
        if found["state"] in states:
            return found
        assert found["state"] not in ENDED and time.monotonic() < deadline, found
        time.sleep(0.1)


def finished_search(client: httpx.Client, **request: Any) -> str:
    """A search that has succeeded."""
    search = start_search(client, effort={"evaluations": 24}, **request)
    wait_for(client, search, "succeeded")
    return search
