"""Databases that earlier versions wrote: each opens, and says what it said then."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from models.plan import Plan
from search.errors import StoreError
from search.records import Job, Point
from search.store import Store, schema
from search.store.rows import SearchRow

FROZEN = Path(__file__).parent / "frozen"
VERSIONS = sorted(path.stem for path in FROZEN.glob("*.json"))


def thaw(version: str, folder: Path) -> Path:
    path = folder / f"{version}.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(gzip.decompress((FROZEN / f"{version}.sql.gz").read_bytes()).decode())
    connection.close()
    return path


def said(version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FROZEN / f"{version}.json").read_text())
    return found


def check(store: Store, row: SearchRow, then: dict[str, Any]) -> None:
    assert (row.state, row.message, row.attempts) == (then["state"], then["message"], then["attempts"])
    assert row.job == Job.from_dict(then["job"])
    assert [[event.seq, event.kind, event.key] for event in store.events(row.id)] == then["events"]
    plan = None if row.answer is None or row.answer.plan is None else row.answer.plan
    assert plan == (None if then["plan"] is None else Plan.of(then["plan"]))
    front = None if row.answer is None else list(row.answer.front)
    assert front == (None if then["front"] is None else [Point.from_dict(point) for point in then["front"]])
    assert len(store.archive(row.target_digest)) == then["archive"]
    assert [one.median_ms for _, one in store.measurements(row.id)] == then["measurements"]
    trials = [one for one in store.page_trials(row.id, size=1000).rows if one.state != "running"]
    assert [[one.number, one.plan, one.metric, one.latency_ms, one.origin] for one in trials] == [
        [number, Plan.of(plan), metric, ms, origin] for number, plan, metric, ms, origin in then["trials"]
    ]
    asked = {one.asked_at for one in trials}
    assert all(one.state == "done" and one.ended_at and one.asked_at <= one.ended_at for one in trials)
    assert not trials or len(asked) > 1
    assert store.trial_counts(row.id)["done"] == len(then["trials"])


def test_every_version_is_frozen() -> None:
    folder = Path(schema.__file__).parent / "migrations" / "versions"
    assert sorted(path.name[:4] for path in folder.glob("0*.py")) == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_this_version_opens_with_all_it_held(version: str, tmp_path: Path) -> None:
    path = thaw(version, tmp_path)
    with Store.open(path) as store:
        rows = {row.id: row for row in store.searches()}
        assert sorted(rows) == sorted(said(version))
        assert {row.state for row in rows.values()} >= {"succeeded", "infeasible", "running"}
        for name, then in said(version).items():
            check(store, rows[name], then)
        assert [row.state for row in store.unfinished()] == ["running"]


def test_a_reader_upgrades_what_nobody_writes(tmp_path: Path) -> None:
    path = thaw("0001", tmp_path)
    with Store.read(path) as store:
        assert len(store.searches()) == len(said("0001"))


def test_a_torn_event_stops_the_upgrade_and_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = thaw("0001", tmp_path)
    with sqlite3.connect(path) as connection:
        (number,) = connection.execute("SELECT min(id) FROM events WHERE kind = 'evaluation'").fetchone()
        connection.execute("UPDATE events SET data = substr(data, 1, 100) WHERE id = ?", (number,))
        connection.commit()
        before = list(connection.iterdump())
    connection.close()
    for _ in range(2):
        with pytest.raises(
            StoreError, match=r"search 20261121-080000-done, event \d+, cannot be read .*was left as it is"
        ):
            Store.open(path)
    with sqlite3.connect(path) as connection:
        assert list(connection.iterdump()) == before
    connection.close()
