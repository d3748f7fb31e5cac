"""A TCP proxy that loses answers: the request arrives, and the client never hears of it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from enum import Enum

PIECE = 64 * 1024


class Cut(Enum):
    """What happens to a connection."""

    NONE = "the answer comes through"
    ANSWERED = "cut when the answer has come, before any of it is passed on"
    HALFWAY = "cut after the first half of the answer"
    FORWARDED = "cut as soon as the whole request was forwarded, while the service still works on it"


class CuttingProxy:
    """Listens on a port of its own and forwards one request per connection.

    Args:
        port: of the service, on loopback.
        plan: what happens to the connections, in the order they come; none is cut when it has ended.
    """

    def __init__(self, port: int, plan: Iterator[Cut]) -> None:
        self._upstream = ("127.0.0.1", port)
        self._plan = plan
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.cuts = 0
        self._thread = threading.Thread(target=self._accept, name="cutting proxy", daemon=True)

    def __enter__(self) -> "CuttingProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                cut = next(self._plan, Cut.NONE)
            threading.Thread(target=self._serve, args=(client, cut), daemon=True).start()

    def _serve(self, client: socket.socket, cut: Cut) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._upstream, 30) as service:
            client.settimeout(30)
            service.sendall(_closing(_message(client)))
            if cut is not Cut.FORWARDED:
                answer = _message(service)
                if cut is Cut.HALFWAY:
                    client.sendall(answer[: len(answer) // 2])
                elif cut is Cut.NONE:
                    client.sendall(answer)
            if cut is not Cut.NONE:
                with self._lock:
                    self.cuts += 1


def _message(source: socket.socket) -> bytes:
    """One HTTP message with a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(source)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _some(source)
    return head + b"\r\n\r\n" + body


def _some(source: socket.socket) -> bytes:
    piece = source.recv(PIECE)
    if not piece:
        raise ConnectionResetError("the other side has gone")
    return piece


def _closing(message: bytes) -> bytes:
    """The message, as the only one of its connection."""
    head, _, body = message.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"connection: close"]) + b"\r\n\r\n" + body
