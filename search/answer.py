"""The answer of a search: what was found, how sure it is, and everything needed to judge it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latency.record import Measurement
from models.plan import Plan
from search.records import EXIT_CODES, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a finished search says; every field but the ends and the front may be missing when it is infeasible.

    Args:
        plan: the chosen plan, verified by measurement to be within the budget; None: there is none.
        latency: its record of the last verifying session.
        decision: `latency.decision.Decision` over all its sessions, as JSON.
        metrics: its metrics on the search split.
        confirmed: its metrics on the confirm split, which the search did not use.
        dense_metrics: metrics of the dense plan on the search split.
        dense_confirmed: metrics of the dense plan on the confirm split.
        floor: record of the sparsest plan.
        dense: record of the dense plan.
        dense_fits: whether the dense plan meets the budget by itself.
        nearest: when infeasible, the measured plan that comes nearest to the budget.
        front: the plans that no other evaluated plan beats in both metric and latency, fastest first.
        evaluated: accuracy evaluations this search asked for.
        reused: how many of them the archive answered.
        simulated: whether latency or accuracy was simulated: never a statement about real hardware.
        bundle: folder of the exported bundle.
    """

    plan: Plan | None
    floor: Measurement
    dense: Measurement
    dense_fits: bool
    latency: Measurement | None = None
    decision: Mapping[str, Any] | None = None
    metrics: Mapping[str, float] | None = None
    confirmed: Mapping[str, float] | None = None
    dense_metrics: Mapping[str, float] | None = None
    dense_confirmed: Mapping[str, float] | None = None
    nearest: Plan | None = None
    front: tuple[Point, ...] = ()
    evaluated: int = 0
    reused: int = 0
    simulated: bool = False
    bundle: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal answer."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("plan", "nearest", "decision", "metrics", "confirmed", "dense_metrics", "dense_confirmed"):
            plain[name] = None if plain[name] is None else dict(plain[name])
        for name in ("floor", "dense", "latency"):
            plain[name] = None if plain[name] is None else plain[name].to_dict()
        return {**plain, "front": [point.to_dict() for point in self.front]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Answer":
        """Read what `to_dict` wrote."""
        values = dict(data)
        for name in ("plan", "nearest"):
            values[name] = None if values[name] is None else Plan.of(values[name])
        for name in ("floor", "dense", "latency"):
            values[name] = None if values[name] is None else Measurement.from_dict(values[name])
        values["front"] = tuple(Point.from_dict(point) for point in values["front"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a search ended.

    Args:
        id: the search.
        state: its terminal state.
        message: one line for people.
        answer: the answer; None when it failed or was cancelled.
    """

    id: str
    state: str
    message: str
    answer: Answer | None = None

    @property
    def exit_code(self) -> int:
        """0 succeeded or stopped, 3 infeasible, 4 failed, 5 cancelled."""
        return EXIT_CODES[self.state]
