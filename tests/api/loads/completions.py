"""L4: results come in as fast as the store can commit them, each in a transaction of its own."""

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from search.coordinator import Coordinator
from search.home import Home
from search.records import Event
from search.store import Store
from tests.api.loads.figures import Figure
from tests.search import scripted_runner
from tests.search.support import SPACE, evaluation_event, job


def complete(folder: Path, location: Path | str, results: int, kind: str, bar: float) -> list[Figure]:
    """A runner that has every result at once, and the coordinator that has to keep them all.

    Args:
        folder: for its files.
        location: of the store.
        results: how many.
        kind: of the database, for the figure's name.
        bar: results a second.
    """
    rng = random.Random(4)
    plans = list(dict.fromkeys(SPACE.random(rng) for _ in range(2 * results)))[:results]
    lines = [Event("ask", {"round": 0, "plans": [dict(plan) for plan in plans]}, "ask:0").to_dict()]
    lines += [evaluation_event(number, plan, 40.0).to_dict() for number, plan in enumerate(plans)]
    lines.append(Event("end", {"state": "infeasible", "message": "scripted", "answer": None}).to_dict())
    script = Path(tempfile.mkdtemp(dir=folder)) / "script.json"
    script.write_text(json.dumps([{"lines": lines}]))
    command = [sys.executable, str(Path(scripted_runner.__file__)), str(script)]
    with Store.open(location) as store:
        coordinator = Coordinator(store, Home(folder), command)
        name = coordinator.create(job(id="")).id
        begun = 0.0

        def shown(event: Event) -> None:
            nonlocal begun
            if event.kind == "ask":
                begun = time.perf_counter()

        coordinator.run_stored(name, shown)
        seconds = time.perf_counter() - begun
        counts = store.trial_counts(name)
    assert (counts["done"], counts["running"], counts["failed"]) == (results, 0, 0)
    return [Figure("L4", f"results a second, {kind}", results / seconds, "1/s", bar, at_least=True)]
