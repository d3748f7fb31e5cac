"""Clients that create, cancel and read searches while the service is killed, and remember what it acknowledged."""

import random
import threading
import time
from collections import defaultdict
from typing import Any

import httpx

from tests.api.faults.support import TERMINAL, events, request, searches, show

CLIENTS = 2
OPEN = 3
"""Searches that are kept queued or running."""

PAUSE_S = 0.05


class Traffic:
    """What the clients were told. Use as a context manager: the traffic flows inside the block.

    Args:
        url: of the service.
        seed: of everything the clients decide.
    """

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.created: dict[str, str] = {}
        """Search ids by idempotency key, from 202 answers."""
        self.cancelled: set[str] = set()
        """Searches whose cancellation was acknowledged."""
        self.seen: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
        """Events that were shown, by search and number."""
        self.surprises: list[str] = []
        """Answers that should not have been given."""
        self._seed = seed
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._keys = 0
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(CLIENTS)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def finish(self, client: httpx.Client, timeout_s: float = 90) -> None:
        """Let what is still open come to its end, and read every log."""
        deadline = time.monotonic() + timeout_s
        while open_ones := [one for one in searches(client) if one["state"] not in TERMINAL]:
            assert time.monotonic() < deadline, [(one["id"], one["state"], one["message"]) for one in open_ones]
            time.sleep(0.1)

    def _run(self, number: int) -> None:
        rng = random.Random(f"{self._seed} {number}")
        client = httpx.Client(base_url=self.url, timeout=10)
        while not self._stop.wait(PAUSE_S):
            action = rng.choices([self._create, self._cancel, self._read], weights=[5, 1, 4])[0]
            try:
                action(client, rng)
            except httpx.TransportError:
                # killed; connections that are left over would be cut again
                client.close()
                client = httpx.Client(base_url=self.url, timeout=10)
        client.close()

    def _create(self, client: httpx.Client, rng: random.Random) -> None:
        with self._lock:
            if sum(found not in self.cancelled for found in self.created.values()) > OPEN and not self._room(client):
                return
            self._keys += 1
            key = f"key-{self._keys}"
        body = request(name=key, seed=rng.randrange(3))
        # the same request is repeated until it is answered: that is what the key is for
        while not self._stop.is_set():
            try:
                answer = client.post("/v1/searches", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                time.sleep(PAUSE_S)
                continue
            if answer.status_code == 202:
                with self._lock:
                    self.created[key] = answer.json()["id"]
                return
            if not self._expected(answer, 409, 503):
                return
            time.sleep(PAUSE_S)

    def _room(self, client: httpx.Client) -> bool:
        states = [show(client, found)["state"] for found in list(self.created.values())[-2 * OPEN :]]
        return sum(state not in TERMINAL for state in states) < OPEN

    def _cancel(self, client: httpx.Client, rng: random.Random) -> None:
        if (chosen := self._any(rng)) is None:
            return
        answer = client.post(f"/v1/searches/{chosen}/cancel")
        if answer.status_code in (200, 202):
            with self._lock:
                self.cancelled.add(chosen)
        else:
            self._expected(answer, 409, 503)

    def _read(self, client: httpx.Client, rng: random.Random) -> None:
        if (chosen := self._any(rng)) is None:
            return
        for event in events(client, chosen):
            known = self.seen[chosen].setdefault(event["seq"], event)
            if known != event:
                self.surprises.append(f"event {event['seq']} of {chosen} was {known} and became {event}")

    def _any(self, rng: random.Random) -> str | None:
        with self._lock:
            known = list(self.created.values())
        # mostly recent ones: something is happening to them
        return rng.choice(known[-OPEN:]) if known else None

    def _expected(self, answer: httpx.Response, *statuses: int) -> bool:
        if answer.status_code in statuses:
            return True
        self.surprises.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return False
