"""A client that asks for a long log and does not read it."""

import socket

from tests.api.faults.support import until
from tests.api.loads.machine import metric
from tests.api.support import LiveServer

DROPPED_S = 20.0
"""A reader that takes nothing for so long is cut off."""

_COUNTER = "sparsearch_events_dropped_total"


class Deaf:
    """An open event stream that nobody reads; use as a context manager.

    Args:
        server: the service.
        search_id: a search with a log of many megabytes, more than any buffer on the way holds.
    """

    def __init__(self, server: LiveServer, search_id: str) -> None:
        self._server = server
        self._before = metric(server, _COUNTER)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", server.port))
        path = f"/v1/searches/{search_id}/events?after=0"
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())

    def wait_dropped(self) -> None:
        """Wait until the service has given it up."""
        until(lambda: metric(self._server, _COUNTER) > self._before, "who is deaf is dropped", DROPPED_S + 20)

    def __enter__(self) -> "Deaf":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
