"""When to try again, and how long to wait before."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sparsearch.client.errors import Busy, ClientError, Unreachable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounded waiting: the pauses double, jitter keeps many clients apart, and the whole has an end.

    Args:
        total_s: seconds that all pauses together may take.
        first_s: the first pause.
        longest_s: no pause of our own is longer; what the service asks for may be.
        sleep, jitter: the world, for tests: wait so many seconds; a number in 0..1.
    """

    total_s: float = 30.0
    first_s: float = 0.25
    longest_s: float = 5.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def pauses(self) -> "Pauses":
        """The pauses of one request, from the first on."""
        return Pauses(self)


class Pauses:
    """The pauses of one request.

    Args:
        patience: the rules.
    """

    def __init__(self, patience: Patience) -> None:
        self._rules = patience
        self._next = patience.first_s
        self._left = patience.total_s

    def after(self, error: ClientError) -> None:
        """Wait before the next attempt.

        Raises:
            ClientError: `error` itself, when it will not go away or patience is at its end.
        """
        if not isinstance(error, Busy | Unreachable):
            raise error
        asked = error.retry_after_s if isinstance(error, Busy) else None
        wait = self._next * (0.5 + 0.5 * self._rules.jitter())
        if asked is not None:
            # never earlier than asked for; a little later, so that not everybody comes back at once
            wait = asked + 0.1 * wait
        if wait > self._left:
            raise error
        self._left -= wait
        self._next = min(2 * self._next, self._rules.longest_s)
        self._rules.sleep(wait)


def retried(action: Callable[[], Result], patience: Patience) -> Result:
    """What `action` returns, tried until it succeeds, fails for good, or patience is at its end.

    Raises:
        ClientError: of the last attempt.
    """
    pauses = patience.pauses()
    while True:
        try:
            return action()
        except ClientError as error:
            pauses.after(error)
