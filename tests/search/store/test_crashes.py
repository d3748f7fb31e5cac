"""Kill -9 of a writing process: what was acknowledged is there, what was not is there as a whole or not at all."""

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import event

from search.errors import UnknownSearch
from search.records import Event
from search.store import Store
from search.store.rows import IdempotencyKey
from tests.search.support import SPACE, evaluation_event, job

ROOT = Path(__file__).resolve().parents[3]
KILLS = 20


def write_until_killed(path: Path, name: str, rng: random.Random) -> list[str]:
    """What the process had acknowledged when it was killed."""
    command = [sys.executable, "-m", "tests.search.store.writing", str(path), name]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(rng.randint(1, 30))]
    time.sleep(rng.uniform(0, 0.03))
    process.kill()
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    return [line.strip() for line in said]


def check(store: Store, said: list[str]) -> None:
    deleted = {line.split()[1] for line in said if line.startswith("deleted")}
    for line in said:
        kind, search = line.split()[:2] if " " in line else (line, "")
        if not search or search in deleted:
            continue
        try:
            events = {event.key: event for event in store.events(store.exact(search).id)}
        except UnknownSearch:
            # its deletion was committed, and the process killed before it could say so
            assert f"end {search}" in said and int(search.rpartition("-")[2]) % 3 == 0
            continue
        if kind == "events":
            number = int(line.split()[2])
            assert f"evaluate:{number}" in events
            assert store.trial(search, number).metric == 42.0
        if kind == "end":
            assert store.exact(search).state == "cancelled"
    for search in deleted:
        with pytest.raises(UnknownSearch):
            store.exact(search)


def test_killed_at_random_moments_it_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path, rng = tmp_path / "sparsearch.db", random.Random(20261121)
    said: list[str] = []
    for kill in range(KILLS):
        said += write_until_killed(path, f"k{kill}", rng)
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        raw.close()
        with Store.open(path) as store:
            check(store, said)
            for row in store.searches(limit=10_000):
                events = store.events(row.id)
                assert [one.seq for one in events] == list(range(1, len(events) + 1))
                # an evaluation, its row and the remark beside it came together
                evaluated = sum(one.kind == "evaluation" for one in events)
                assert evaluated == sum(one.kind == "log" for one in events) == store.trial_counts(row.id)["done"]
    assert sum(line.startswith("events") for line in said) > 4 * KILLS


class Stop(Exception):  # noqa: N818
    """The process ends here."""


@pytest.mark.parametrize("what", ["create", "append", "change", "delete"])
def test_stopped_after_any_statement_a_transaction_is_as_if_it_had_not_begun(tmp_path: Path, what: str) -> None:
    def act(store: Store) -> object:
        if what == "create":
            return store.create_search(job().with_id("new"), "t" * 64, key=IdempotencyKey("k", "f"), queue_cap=9)
        if what == "append":
            end = Event("end", {"state": "cancelled", "message": "", "answer": None})
            return store.append("queued", [evaluation_event(0, SPACE.dense, 42.0), Event("log", {"message": ""}), end])
        if what == "change":
            return store.change_state("queued", {"queued"}, "paused", "")
        return store.delete_search("ended")

    statements, stopped = 0, True
    while stopped:
        statements += 1
        path = tmp_path / f"{statements}.db"
        with Store.open(path) as store:
            for name in ("queued", "ended"):
                store.create_search(job().with_id(name), "t" * 64)
            ended = Event("end", {"state": "cancelled", "message": "", "answer": None})
            store.append("ended", [evaluation_event(0, SPACE.dense, 42.0), ended])
        with sqlite3.connect(path) as raw:
            before = list(raw.iterdump())
        raw.close()
        with Store.open(path) as store:
            left = statements

            def count(*_: object) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Stop

            with store._database.writing() as connection:
                engine = connection.engine
            event.listen(engine, "after_cursor_execute", count)
            try:
                act(store)
                stopped = False
            except Stop:
                event.remove(engine, "after_cursor_execute", count)
                store.check()
        with sqlite3.connect(path) as raw:
            assert (list(raw.iterdump()) == before) is stopped
        raw.close()
    assert statements > 4
