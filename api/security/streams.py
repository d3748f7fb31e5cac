"""How many event streams may be open, per client and in all: a stream holds memory for as long as it lives."""

import threading
from collections import Counter

from api.problems import Problem, retry_after

_RETRY_S = 5


class Streams:
    """Counts open streams.

    Args:
        per_client: of one client address.
        total: of all clients.
    """

    def __init__(self, per_client: int, total: int) -> None:
        self._per_client = per_client
        self._total = total
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def acquire(self, client: str) -> None:
        """Note a stream; call `release` when it ends, whatever ends it.

        Raises:
            Problem: 429 too-many-streams.
        """
        with self._lock:
            if self._open[client] >= self._per_client:
                raise self._refusal(
                    f"{client} has {self._open[client]} open event streams, the most one client may have"
                )
            if self._open.total() >= self._total:
                raise self._refusal(f"all {self._total} event streams of the service are in use")
            self._open[client] += 1

    def release(self, client: str) -> None:
        """Note the end of a stream."""
        with self._lock:
            self._open[client] -= 1
            if self._open[client] <= 0:
                del self._open[client]

    @property
    def open(self) -> int:
        """Streams that are open now."""
        with self._lock:
            return self._open.total()

    @staticmethod
    def _refusal(detail: str) -> Problem:
        return Problem("too-many-streams", 429, detail, headers=retry_after(_RETRY_S))
