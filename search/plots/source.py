"""What the plots of one search read from the store, each part at most once and only when a plot asks for it."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from latency.record import Measurement
from models.plan import Plan, Value
from models.space import Space
from search.export.subject import call
from search.records import Point
from search.store.reading import Reading
from search.store.rows import SearchRow, TrialRow, plan_key
from search.store.trials import digest

SAMPLED = 2000
"""Trials that a plot shows at most; of more, a sample over the whole search and the best ones."""


class Source:
    """One search, as the plots see it.

    Args:
        store: where it is.
        search_id: its exact id.
    Raises:
        UnknownSearch: there is none.
    """

    def __init__(self, store: Reading, search_id: str) -> None:
        self._store = store
        self.row: SearchRow = store.exact(search_id)

    def head(self) -> dict[str, Any]:
        """What every plot says about its search."""
        job = self.row.job
        return {
            "search": self.row.id,
            "name": job.name,
            "target": job.target,
            "state": self.row.state,
            "metric": job.metric,
            "metric_name": call(job.metric),
            "simulated": bool(self._prepared.get("simulated", False)),
            "device": self._prepared.get("device", {}).get("name", job.setting.device),
            "budget": {
                "max_ms": job.budget.max_ms,
                "min_ms": job.budget.min_ms,
                "stat": job.budget.statistic,
            },
        }

    @cached_property
    def _prepared(self) -> Mapping[str, Any]:
        event = self._store.latest(self.row.id, "prepared")
        return {} if event is None else event.data

    @cached_property
    def space(self) -> Space | None:
        """The knobs; None before the target was opened."""
        text = self._prepared.get("space")
        return None if text is None else Space.from_json(text)

    @cached_property
    def trials(self) -> list[TrialRow]:
        """Trials in the order of asking: all of them, or a sample."""
        return sorted(self._store.sampled_trials(self.row.id, SAMPLED), key=lambda trial: trial.number)

    @cached_property
    def finished(self) -> list[TrialRow]:
        """The trials that have an accuracy."""
        return [trial for trial in self.trials if trial.state == "done" and trial.metric is not None]

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Trials by state, all of them."""
        return self._store.trial_counts(self.row.id)

    @cached_property
    def front(self) -> list[Point]:
        """The answer's front, or the newest one so far; fastest first."""
        if self.row.answer is not None:
            return list(self.row.answer.front)
        event = self._store.latest(self.row.id, "front")
        return [] if event is None else [Point.from_dict(point) for point in event.data["points"]]

    @cached_property
    def measurements(self) -> list[tuple[str, Measurement]]:
        """(purpose, record) of every latency that was measured, oldest first."""
        return self._store.measurements(self.row.id)

    @cached_property
    def ends(self) -> tuple[Measurement, Measurement] | None:
        """Floor and dense; None before they were measured."""
        if self.row.answer is not None:
            return self.row.answer.floor, self.row.answer.dense
        found = [record for purpose, record in self.measurements if purpose == "ends"]
        return (found[0], found[1]) if len(found) > 1 else None

    @property
    def chosen(self) -> Plan | None:
        """The plan of the answer."""
        return None if self.row.answer is None else self.row.answer.plan

    def metric_of(self, plan: Plan) -> float | None:
        """The accuracy of a plan on the search split, if it is known."""
        same = plan_key(self.canonical(plan))
        for point in self.front:
            if plan_key(self.canonical(point.plan)) == same:
                return point.metric
        return next((trial.metric for trial in self.finished if plan_key(self.canonical(trial.plan)) == same), None)

    def canonical(self, plan: Mapping[str, Value]) -> Plan:
        """The representative of a plan, where the space is known."""
        return Plan.of(plan) if self.space is None else self.space.canonical(plan)


def point_id(plan: Mapping[str, Value]) -> str:
    """The name of a plan in addresses: 12 hexadecimal digits of the sha256 of its text in the store."""
    return digest(plan)[:12]


def words(plan: Mapping[str, Value]) -> str:
    """A plan in one line: "stage0 0.3, stage1 0.1"."""
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in plan.items())
