"""The hub: everything once, in order, whoever comes when; one read for all; ends when the search does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from api.stream import hub as module
from api.stream.hub import BATCH, KEPT, Hub
from search.errors import UnknownSearch
from search.store.reading import Reading
from tests.api.stream.logs import ScriptedLog

PATIENCE_S = 20.0


def run(test: Any) -> None:
    """Run a coroutine in an event loop of its own, not for ever."""
    asyncio.run(asyncio.wait_for(test, PATIENCE_S))


def hub_of(log: ScriptedLog, stopping: asyncio.Event | None = None) -> Hub:
    return Hub(lambda: cast(Reading, log), log.listen, stopping or asyncio.Event())


async def numbers(hub: Hub, after: int = 0, *, wait: bool = True) -> list[int]:
    """The numbers of all lines that a follower gets."""
    async with hub.tail("s") as tail:
        return [line.seq async for batch in hub.follow("s", tail, after, wait=wait) for line in batch]


@asynccontextmanager
async def in_threads(*work: Any) -> AsyncIterator[None]:
    """Functions running in threads while the block lasts."""
    tasks = [asyncio.create_task(asyncio.to_thread(one)) for one in work]
    yield
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("events", [0, 1, BATCH - 2, BATCH - 1, BATCH, 3 * BATCH + 7, KEPT + BATCH])
@pytest.mark.parametrize("after", [0, 1, 50])
def test_a_finished_log_is_given_from_any_position_and_then_ends(events: int, after: int) -> None:
    log = ScriptedLog(events)
    last = log.end()
    run(_expect(log, after, list(range(after + 1, last + 1))))


async def _expect(log: ScriptedLog, after: int, expected: list[int]) -> None:
    assert await numbers(hub_of(log), after) == expected


def test_many_followers_from_anywhere_get_every_event_once_while_it_is_written() -> None:
    async def check() -> None:
        log = ScriptedLog(20)
        hub = hub_of(log)

        def write() -> None:
            for _ in range(800):
                log.add("log", level="info", message="m")
            log.end()

        followers = [asyncio.create_task(numbers(hub, after)) for after in (0, 5, 20, 21) for _ in range(10)]
        async with in_threads(write):
            await asyncio.sleep(0.01)
            followers.append(asyncio.create_task(numbers(hub, 0)))
        last = 20 + 1 + 800 + 1
        for task, after in zip(followers, [a for a in (0, 5, 20, 21) for _ in range(10)] + [0], strict=True):
            assert await task == list(range(after + 1, last + 1))

    run(check())


def test_what_is_new_is_read_once_for_all_followers() -> None:
    async def check() -> None:
        log = ScriptedLog(5)
        hub = hub_of(log)
        followers = [asyncio.create_task(numbers(hub, 6)) for _ in range(50)]
        while hub.following("s") < 50:
            await asyncio.sleep(0.01)
        before = log.reads
        for _ in range(10):
            log.add("log", level="info", message="m")
            await asyncio.sleep(0.02)
        # a read per event and at most one poll more; not one per follower
        assert log.reads - before <= 2 * 10 + 5
        log.end()
        assert await asyncio.gather(*followers) == [list(range(7, 18))] * 50

    run(check())


def test_an_event_that_nobody_told_of_is_found_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.02)

    async def check() -> None:
        log = ScriptedLog()
        task = asyncio.create_task(numbers(hub_of(log)))
        await asyncio.sleep(0.05)
        log.add("end", told=False, state="failed", message="", answer=None)
        assert await task == [1, 2]

    run(check())


def test_an_outage_of_the_store_delays_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.02)

    async def check() -> None:
        log = ScriptedLog()
        hub = hub_of(log)
        task = asyncio.create_task(numbers(hub))
        while not hub.following("s"):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        log.broken = True
        log.add("log", level="info", message="m")
        await asyncio.sleep(0.1)
        assert not task.done()
        log.broken = False
        log.end()
        assert await task == [1, 2, 3]

    run(check())


def test_a_search_that_was_resumed_goes_on_after_its_end() -> None:
    log = ScriptedLog()
    log.add("end", state="cancelled", message="", answer=None)
    log.add("state", state="queued", message="")
    last = log.end()
    run(_expect(log, 0, list(range(1, last + 1))))


def test_a_follower_waits_while_the_search_is_queued_again() -> None:
    async def check() -> None:
        log = ScriptedLog()
        log.add("end", state="cancelled", message="", answer=None)
        log.add("state", state="queued", message="")
        task = asyncio.create_task(numbers(hub_of(log), 2))
        await asyncio.sleep(0.1)
        assert not task.done()
        log.end()
        assert await task == [3, 4]

    run(check())


def test_without_waiting_it_gives_what_is_there() -> None:
    async def check() -> None:
        log = ScriptedLog(3)
        assert await numbers(hub_of(log), 1, wait=False) == [2, 3, 4]
        assert await numbers(hub_of(log), 4, wait=False) == []

    run(check())


def test_the_end_of_the_service_ends_every_follower() -> None:
    async def check() -> None:
        log, stopping = ScriptedLog(3), asyncio.Event()
        hub = hub_of(log, stopping)
        tasks = [asyncio.create_task(numbers(hub)) for _ in range(5)]
        while hub.following("s") < 5:
            await asyncio.sleep(0.01)
        stopping.set()
        assert await asyncio.gather(*tasks) == [[1, 2, 3, 4]] * 5
        assert await numbers(hub, 4) == []

    run(check())


def test_an_unknown_search_is_refused() -> None:
    async def check() -> None:
        with pytest.raises(UnknownSearch):
            await hub_of(ScriptedLog()).position("other")

    run(check())


def test_nothing_is_kept_for_a_search_that_nobody_follows() -> None:
    async def check() -> None:
        log = ScriptedLog(3)
        log.end()
        hub = hub_of(log)
        await numbers(hub)
        assert hub.following("s") == 0 and log.reads > 0

    run(check())


def test_the_same_hub_serves_one_event_loop_after_another() -> None:
    log = ScriptedLog(3)
    log.end()
    hub = hub_of(log)
    for _ in range(2):
        run(_same(hub))


async def _same(hub: Hub) -> None:
    assert await numbers(hub) == [1, 2, 3, 4, 5]
