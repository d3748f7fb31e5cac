"""The answer that stays open: cut when nobody reads it, told when the service goes down, counted to the end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message

from api.stream.response import NDJSON, SSE, EventStream

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.4"}}


class Reader:
    """A client: takes `takes` pieces, then reads no more; goes when told.

    Args:
        takes: None: everything.
    """

    def __init__(self, takes: int | None = None) -> None:
        self.got: list[bytes] = []
        self.finished = False
        self._takes = takes
        self.gone = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            return
        if self._takes is not None and len(self.got) >= self._takes:
            await asyncio.Event().wait()  # its buffers are full
        self.got.append(message["body"])
        self.finished = not message["more_body"]

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Stage:
    """A stream and what it called."""

    def __init__(self, content: AsyncIterator[bytes], send_s: float = 20.0, kind: str = SSE) -> None:
        self.stopping = asyncio.Event()
        self.ended = self.slow = 0
        self.stream = EventStream(content, kind, self.stopping, self._end, self._slow, send_s)

    def _end(self) -> None:
        self.ended += 1

    def _slow(self) -> None:
        self.slow += 1

    async def play(self, reader: Reader) -> None:
        await asyncio.wait_for(self.stream(SCOPE, reader.receive, reader.send), 20)


class Content:
    """Pieces, then silence until cancelled or `stop` is set.

    Args:
        pieces: how many.
        silent: whether to stay open after them.
    """

    def __init__(self, pieces: int, silent: bool = False) -> None:
        self.pieces = pieces
        self.silent = silent
        self.stop = asyncio.Event()
        self.closed = False

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self.pieces):
                yield b"%d" % number
            if self.silent:
                await self.stop.wait()
                yield b"bye"
        finally:
            self.closed = True


@pytest.mark.parametrize("kind", [SSE, NDJSON])
def test_everything_is_sent_and_the_end_is_counted_once(kind: str) -> None:
    async def check() -> None:
        content, reader = Content(3), Reader()
        stage = Stage(content(), kind=kind)
        await stage.play(reader)
        assert reader.got == [b"0", b"1", b"2", b""] and reader.finished
        assert (stage.ended, stage.slow, content.closed) == (1, 0, True)

    asyncio.run(check())


def test_a_reader_that_does_not_read_is_cut_off() -> None:
    async def check() -> None:
        content, reader = Content(1000), Reader(takes=5)
        stage = Stage(content(), send_s=0.05)
        await stage.play(reader)
        assert len(reader.got) == 5 and not reader.finished
        assert (stage.ended, stage.slow, content.closed) == (1, 1, True)

    asyncio.run(check())


def test_a_reader_that_goes_ends_the_stream() -> None:
    async def check() -> None:
        content, reader = Content(2, silent=True), Reader()
        stage = Stage(content())
        playing = asyncio.create_task(stage.play(reader))
        while len(reader.got) < 2:
            await asyncio.sleep(0.01)
        reader.gone.set()
        await playing
        assert (stage.ended, stage.slow, content.closed) == (1, 0, True)

    asyncio.run(check())


def test_the_end_of_the_service_leaves_time_for_a_good_bye() -> None:
    async def check() -> None:
        content, reader = Content(1, silent=True), Reader()
        stage = Stage(content())
        playing = asyncio.create_task(stage.play(reader))
        while not reader.got:
            await asyncio.sleep(0.01)
        stage.stopping.set()
        content.stop.set()
        await playing
        assert reader.got == [b"0", b"bye", b""] and reader.finished and stage.ended == 1

    asyncio.run(check())


def test_a_stream_that_stays_silent_then_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.stream.response.GRACE_S", 0.05)

    async def check() -> None:
        content, reader = Content(1, silent=True), Reader()
        stage = Stage(content())
        playing = asyncio.create_task(stage.play(reader))
        while not reader.got:
            await asyncio.sleep(0.01)
        stage.stopping.set()
        await playing
        assert not reader.finished and stage.ended == 1 and content.closed

    asyncio.run(check())


def test_a_silent_stream_is_kept_alive_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.stream.response.PING_S", 0.02)

    async def check() -> None:
        content, reader = Content(0, silent=True), Reader()
        stage = Stage(content())
        playing = asyncio.create_task(stage.play(reader))
        while len(reader.got) < 3:
            await asyncio.sleep(0.01)
        content.stop.set()
        await playing
        assert set(reader.got[:3]) == {b": ping\r\n\r\n"}

    asyncio.run(check())
