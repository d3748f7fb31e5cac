"""A state home with searches in every kind of state, made once per run by simulated searches, and copies of it."""

import json
import os
import shutil
import sqlite3
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from api.views.points import point_id
from search.budget import Budget
from search.dispatch import Dispatcher
from search.home import Home
from search.records import TERMINAL, Job
from tests.search.support import job

NAME = "a search of the stock"
_FAILING = """
[targets.failing]
kind = "synthetic"
batch = 4
device = "sim:0"
options = { fault = "raise", fault_share = 1.0 }
"""

_SHARED: list[Path] = []


@dataclass(frozen=True, slots=True)
class Stock:
    """Ids of stored searches.

    Args:
        done: succeeded, with trials, a front and a bundle.
        point: id of its chosen plan.
        infeasible: its budget lies below the floor.
        failed: every evaluation of it failed.
        cancelled: before it began.
        paused: before it began.
        deleted: of a search that was there.
    """

    done: str
    point: str
    infeasible: str
    failed: str
    cancelled: str
    paused: str
    deleted: str


def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled home that is made once per test run; copy it, do not use it."""
    if not _SHARED:
        home = tmp_path_factory.mktemp("stock") / "home"
        make(home)
        _SHARED.append(home)
    return _SHARED[0]


def make(home: Path) -> Stock:
    """Fill an empty home."""
    home.mkdir(parents=True)
    (home / "targets.toml").write_text(_FAILING, encoding="utf-8")
    with patch.dict(os.environ, SPARSEARCH_HOME=str(home)):  # where targets are looked up, here and in runners
        stock = _fill(home)
    (home.parent / f"{home.name}.json").write_text(json.dumps(asdict(stock)), encoding="utf-8")
    return stock


def _fill(home: Path) -> Stock:
    dispatcher = Dispatcher(home / "sparsearch.db", Home(home))
    dispatcher.start()
    try:
        # the first one occupies the only place to run, so that the others still wait
        ids = {
            "done": _ask(dispatcher, name=NAME, labels={"team": "vision"}),
            "deleted": _ask(dispatcher),
            "cancelled": _ask(dispatcher),
            "paused": _ask(dispatcher),
            "infeasible": _ask(dispatcher, budget=Budget(1.0)),
            "failed": _ask(dispatcher, target="failing"),
        }
        for name in ("deleted", "cancelled"):
            dispatcher.cancel(ids[name])
        dispatcher.delete(ids["deleted"])
        dispatcher.pause(ids["paused"])
        wanted = {"done": "succeeded", "infeasible": "infeasible", "failed": "failed", "cancelled": "cancelled"}
        for name, state in wanted.items():
            row = _ended(dispatcher, ids[name])
            assert row == state, f"the {name} search is {row}: {dispatcher.store.exact(ids[name]).message}"
        answer = dispatcher.store.exact(ids["done"]).answer
        assert answer is not None and answer.plan is not None
        return Stock(point=point_id(answer.plan), **ids)
    finally:
        dispatcher.close(10)


def copy(source: Path, home: Path) -> Stock:
    """Copy a filled home that nobody uses; the bundles of the copy are its own."""
    shutil.copytree(source, home)
    with sqlite3.connect(home / "sparsearch.db") as database:
        for table, column in (("exports", "path"), ("exports", "record"), ("events", "data"), ("events", "key")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(source), str(home)))
    database.close()
    return Stock(**json.loads((source.parent / f"{source.name}.json").read_text(encoding="utf-8")))


def _ask(dispatcher: Dispatcher, **fields: object) -> str:
    asked: Job = job(35.0, id="", **fields)
    return dispatcher.submit(asked).row.id


def _ended(dispatcher: Dispatcher, search_id: str) -> str:
    deadline = time.monotonic() + 120
    while (state := dispatcher.store.exact(search_id).state) not in TERMINAL:
        assert time.monotonic() < deadline, f"still {state}"
        time.sleep(0.05)
    return state
