"""A stage for whole searches in real runners: a home with a synthetic target of its own, a store, and a record."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.answer import Outcome
from search.coordinator import Coordinator
from search.home import Home
from search.records import Event
from search.store import Store
from tests.search.support import job, lines

Show = Callable[[Event], None]


class Stage:
    """Runs searches for the target `staged` one after the other.

    Args:
        folder: the home; `SPARSEARCH_HOME` must say so, for the user's targets.
        model: a fitted latency model of the simulated device (`tests.search.test_flow.fitted_model`).
        options: of the target, as TOML.
    """

    def __init__(self, folder: Path, model: dict[str, Any], options: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.home = Home(folder)
        self.log = folder / "evaluated.log"
        self.events: list[Event] = []
        self.at: dict[str, float] = {}
        self._model = model
        self.set_options(options)
        self.store = Store.open(self.home.database)

    def set_options(self, options: str) -> None:
        every = ", ".join(filter(None, (f'log = "{self.log}"', options)))
        targets = self.home.path / "targets.toml"
        targets.write_text(f'[targets.staged]\nkind = "synthetic"\noptions = {{{every}}}\n')

    def coordinator(self) -> Coordinator:
        return Coordinator(self.store, self.home)

    def run(self, show: Show = lambda event: None, coordinator: Coordinator | None = None, **changes: Any) -> Outcome:
        fields: dict[str, Any] = {"id": "s", "evaluations": 8, "bundle": False, **changes}
        asked = job(32.0, target="staged", latency_model=self._model["model"], **fields)
        return (coordinator or self.coordinator()).run(asked, self._kept(show))

    def go_on(self, show: Show = lambda event: None, coordinator: Coordinator | None = None) -> Outcome:
        return (coordinator or self.coordinator()).run_stored("s", self._kept(show))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.events if event.kind == kind]

    def tries(self, state: str) -> list[Event]:
        return [event for event in self.events if event.kind == "attempt" and event.data["state"] == state]

    @property
    def evaluated(self) -> list[Plan]:
        """Plans that were evaluated to the end on the search split, with repeats."""
        found = [line.removeprefix("search ") for line in lines(self.log) if line.startswith("search ")]
        return [Plan.from_json(text) for text in found]

    def _kept(self, show: Show) -> Show:
        def keep(event: Event) -> None:
            self.events.append(event)
            self.at[str(event.key)] = time.monotonic()
            show(event)

        return keep
