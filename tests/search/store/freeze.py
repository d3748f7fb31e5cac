"""Freeze a database of the current version: `python -m tests.search.store.freeze FOLDER`, in an empty state home.

Writes `SCHEMA.sql.gz`, the SQL that makes it, and `SCHEMA.json`, what this version reads from it. It holds a search
that succeeded, one that is infeasible and one whose processes were killed. Run it before a release, and commit both
files: every later version must read them.
"""

import gzip
import json
import os
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from search.coordinator import Coordinator
from search.home import Home
from search.records import Event
from search.store import Store, schema
from tests.search.support import job

KILLED_AFTER = 9
"""Evaluations of the search that is killed."""


def search(home: Home) -> None:
    """Three searches; does not return from the last one."""
    seen = 0

    def show(event: Event) -> None:
        nonlocal seen
        seen += event.kind == "evaluation"
        if seen == KILLED_AFTER:
            os._exit(0)

    store = Store.open(home.database)
    coordinator = Coordinator(store, home)
    coordinator.run(job(30.0, id="20261121-080000-done", evaluations=12, bundle=False))
    coordinator.run(job(5.0, id="20261121-081000-none", bundle=False))
    coordinator.run(job(35.0, id="20261121-082000-half", evaluations=12, seed=1, bundle=False), show)


def read(home: Home) -> dict[str, Any]:
    """What this version says is in there."""
    with Store.read(home.database) as store:
        return {row.id: _described(store, row) for row in store.searches()}


def _described(store: Store, row: Any) -> dict[str, Any]:
    events = store.events(row.id)
    trials = [event.data for event in events if event.kind == "evaluation"]
    return {
        "state": row.state,
        "message": row.message,
        "job": row.job.to_dict(),
        "attempts": row.attempts,
        "events": [[event.seq, event.kind, event.key] for event in events],
        "front": None if row.answer is None else [point.to_dict() for point in row.answer.front],
        "plan": None if row.answer is None or row.answer.plan is None else dict(row.answer.plan),
        "archive": len(store.archive(row.target_digest)),
        "measurements": [one.median_ms for _, one in store.measurements(row.id)],
        "trials": [
            [trial["number"], trial["evaluation"]["plan"], trial["metric"], trial["latency_ms"], trial["origin"]]
            for trial in sorted(trials, key=lambda data: data["number"])
        ],
    }


def main(folder: Path) -> None:
    home = Home(Path(tempfile.mkdtemp()))
    if (child := os.fork()) == 0:
        search(home)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    said = read(home)
    with sqlite3.connect(home.database) as connection:
        script = "\n".join(connection.iterdump())
    connection.close()
    (folder / f"{schema.HEAD}.sql.gz").write_bytes(gzip.compress(script.encode(), 9, mtime=0))
    (folder / f"{schema.HEAD}.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
