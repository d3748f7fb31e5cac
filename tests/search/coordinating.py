"""A front door of tests: `python -m tests.search.coordinating HOME MODEL [resume]` runs or resumes the search `s`.

Prints the number of every event it is shown, flushed, so that a test can choose the moment to kill it.
"""

import json
import sys
from pathlib import Path

from search.coordinator import Coordinator
from search.home import Home
from search.records import Event
from search.store import Store
from tests.search.support import job

EVALUATIONS = 24


def main(home: Home, model: Path, resume: bool) -> int:
    def show(event: Event) -> None:
        print(event.seq, flush=True)

    with Store.open(home.database) as store:
        coordinator = Coordinator(store, home)
        if resume:
            outcome = coordinator.resume("s", show)
        else:
            asked = job(
                30.0,
                id="s",
                target="slow",
                bundle=False,
                evaluations=EVALUATIONS,
                latency_model=json.loads(model.read_text()),
            )
            outcome = coordinator.run(asked, show)
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(Home(Path(sys.argv[1])), Path(sys.argv[2]), len(sys.argv) > 3))
