"""Sign-ins of browsers: a random value in a cookie stands for a token, in this process's memory, for some hours."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable

COOKIE = "sparsearch_session"
_MOST = 1000


class Sessions:
    """The sessions that are open.

    Args:
        seconds: how long one lasts.
        now: a monotonic clock.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._ends: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def open(self) -> str:
        """The value of a new session."""
        value = secrets.token_urlsafe(32)
        with self._lock:
            self._forget()
            while len(self._ends) >= _MOST:  # the oldest comes first
                del self._ends[next(iter(self._ends))]
            self._ends[_digest(value)] = self._now() + self._seconds
        return value

    def valid(self, value: str) -> bool:
        """Whether a session of this value is open."""
        with self._lock:
            end = self._ends.get(_digest(value))
        return end is not None and self._now() < end

    def close(self, value: str) -> None:
        """End a session, if it is open."""
        with self._lock:
            self._ends.pop(_digest(value), None)

    def cookie(self, value: str, *, secure: bool) -> str:
        """The Set-Cookie header of a session; of an empty value: the one that removes it."""
        lasting = int(self._seconds) if value else 0
        rest = "; Secure" if secure else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={lasting}; HttpOnly; SameSite=Strict{rest}"

    def _forget(self) -> None:
        now = self._now()
        self._ends = {digest: end for digest, end in self._ends.items() if now < end}


def _digest(value: str) -> bytes:
    # looked up by digest, so that the time of a look-up tells nothing about the values
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
