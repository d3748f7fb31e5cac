"""Ctrl-C and the polite way to end a process, as a call."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def interrupting(act: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call `act` while the block runs, where it runs in the main thread; any number of times."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        act()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
