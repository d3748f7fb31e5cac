"""Pages stay whole while rows come and go: nothing twice, nothing missed that was there all the time."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.records import Event
from search.store import Store
from tests.postgres import Server
from tests.search.store.conftest import DIGEST
from tests.search.support import SPACE, job

EXAMPLES = 125  # of each of the two lists, on each of the two databases


class Paged:
    """A store whose clock jumps as an example says; every example has a target and a search of its own."""

    def __init__(self, location: Path | str) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.store = Store.open(location, lambda: self.now)
        self.fresh = count()

    def add(self, target: str, jump_s: int) -> str:
        self.now += timedelta(seconds=jump_s)
        name = f"s{next(self.fresh):05d}"
        self.store.create_search(job(target=target).with_id(name), DIGEST)
        self.store.append(name, [Event("end", {"state": "cancelled", "message": "", "answer": None})])
        return name


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder that costs no disk."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def paged(request: pytest.FixtureRequest, memory: Path, postgres_server: Server) -> Iterator[Paged]:
    made = Paged(memory / "paged.db" if request.param == "sqlite" else postgres_server.create())
    yield made
    made.store.close()


jumps = st.integers(-2, 3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), jumps),
        st.tuples(st.just("delete"), st.integers(0, 10**6)),
        st.tuples(st.just("page"), st.integers(1, 4)),
    ),
    max_size=14,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(begun=st.lists(jumps, max_size=8), steps=steps)
def test_searches(paged: Paged, begun: list[int], steps: list[tuple[str, int]]) -> None:
    target = f"t{next(paged.fresh)}"
    alive = [paged.add(target, jump) for jump in begun]
    throughout = set(alive)
    seen: list[tuple[str, str]] = []
    after: tuple[object, ...] | None = None
    ended = False
    for action, number in [*steps, *[("page", 3)] * 30]:
        if action == "add":
            alive.append(paged.add(target, number))
        elif action == "delete" and alive:
            gone = alive.pop(number % len(alive))
            paged.store.delete_search(gone)
            throughout.discard(gone)
        elif action == "page" and not ended:
            page = paged.store.page_searches(target=target, size=number, after=after)
            assert len(page.rows) <= number
            seen += [(row.created_at, row.id) for row in page.rows]
            after, ended = page.after, page.after is None
    assert ended
    assert seen == sorted(set(seen), reverse=True)
    assert throughout <= {name for _, name in seen}


trial_steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 40)),
        st.tuples(st.just("fail"), st.integers(0, 40)),
        st.tuples(st.just("rest"), st.just(0)),
        st.tuples(st.just("page"), st.integers(1, 4)),
    ),
    max_size=20,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(begun=st.sets(st.integers(0, 40), max_size=12), steps=trial_steps)
def test_trials(paged: Paged, begun: set[int], steps: list[tuple[str, int]]) -> None:
    name = paged.add("synthetic-swin-t", 1)
    plan = dict(SPACE.dense)

    def fail(number: int) -> None:
        data = {"number": number, "plan": plan, "cause": "crash", "reason": "", "attempts": 3}
        paged.store.append(name, [Event("failure", data, f"evaluate:{number}")])

    for number in begun:
        fail(number)
    seen: list[int] = []
    after: tuple[object, ...] | None = None
    ended = False
    for action, number in [*steps, *[("page", 3)] * 30]:
        if action == "ask":
            paged.store.append(name, [Event("ask", {"round": 0, "plans": [plan], "numbers": [number]})])
        elif action == "fail":
            fail(number)
        elif action == "rest":  # what runs is let go
            paged.store.append(name, [Event("state", {"state": "paused", "message": ""})])
        elif not ended:
            page = paged.store.page_trials(name, size=number, after=after)
            assert len(page.rows) <= number
            seen += [row.number for row in page.rows]
            after, ended = page.after, page.after is None
    assert ended
    assert seen == sorted(set(seen))
    assert begun <= set(seen)
