"""From the records of a search to the subject of a bundle."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from latency.record import Measurement
from models.plan import Plan, Value
from models.space import Space
from search.answer import Answer
from search.errors import ExportError
from search.export.subject import Confirmation, Point, Subject, Timing
from search.records import Evaluation, Job
from search.records import Point as FrontPoint
from search.targets import Target

Steps = Mapping[str, Mapping[str, Any]]
"""Data of the finished steps of a search, by key (`search.records.Event`)."""


def gather(
    job: Job, target: Target, answer: Answer, steps: Steps, created: str, plan: Mapping[str, Value] | None = None
) -> Subject:
    """What a bundle about one plan of a search needs.

    Args:
        job: the request.
        target: what it was about.
        answer: the answer.
        steps: its finished steps.
        created: when it ended, ISO 8601.
        plan: a plan of the front; None: the chosen one.
    Raises:
        ExportError: there is no chosen plan, or `plan` was not evaluated.
    """
    prepared = steps.get("prepared")
    if prepared is None:
        raise ExportError(f"search {job.id} has not begun; export it when it has ended")
    space = Space.from_json(prepared["space"])
    records = _Records(space, steps)
    wanted = answer.plan if plan is None else space.canonical(space.plan(plan))
    if wanted is None:
        raise ExportError(f"search {job.id} found no plan within its budget, so there is nothing to export")
    winner = answer.plan is not None and space.canonical(wanted) == space.canonical(answer.plan)
    measurement = answer.latency if winner else records.measured.get(wanted)
    upper = answer.decision.get("upper_ms") if winner and answer.decision else None
    if measurement is not None and upper is None:
        upper = measurement.upper_ms(job.alpha)
    front = tuple(records.point(one, job.metric) for one in answer.front)
    predicted = next((one for one in front if one.plan == wanted), None)
    if predicted is None and measurement is None:
        raise ExportError(f"{wanted} is not on the front of search {job.id}; see: sparsearch front {job.id}")
    timing = timing_of(measurement, upper) if measurement is not None else predicted.timing  # type: ignore[union-attr]
    if winner:
        metrics: Mapping[str, float] = answer.metrics or {}
    else:
        metrics = records.metrics(wanted) or (predicted.metrics if predicted else {})
    model = steps.get("model")
    ends = {"dense": answer.dense, "floor": answer.floor, **({"chosen": measurement} if measurement else {})}
    return Subject(
        search=job.id,
        created=created,
        target=target.name,
        kind=target.kind,
        config=None if target.config is None else str(target.config.resolve()),
        checkpoint=None if target.checkpoint is None else str(target.checkpoint.resolve()),
        job=job.to_dict() | {"latency_model": None},  # a given model is described by its gates below
        space=space,
        budget=job.budget,
        device={**prepared["device"], "key": prepared["device_key"]},
        setting=job.setting.to_dict(),
        chosen=Point(wanted, timing, metrics, records.images(wanted)),
        dense=Point(
            answer.dense.plan,
            timing_of(answer.dense),
            answer.dense_metrics or records.metrics(space.dense),
            records.images(space.dense),
        ),
        floor=Point(answer.floor.plan, timing_of(answer.floor), records.metrics(answer.floor.plan)),
        front=front,
        confirmed=_confirmation(steps, wanted, space, "metrics") if winner else None,
        confirmed_dense=_confirmation(steps, wanted, space, "dense") if winner else None,
        probability=_probability(answer, measurement, job, winner),
        measured=len(records.measured),
        evaluated=len(records.evaluated),
        latency_model=None if model is None else {"source": model["source"], "gates": model["gates"]},
        records={role: record.to_dict() for role, record in ends.items()},
        simulated=answer.simulated,
    )


def timing_of(measurement: Measurement, upper_ms: float | None = None) -> Timing:
    """What a bundle says of a measured latency."""
    low, high = measurement.interval_ms
    flags = measurement.flags
    if not math.isfinite(high):
        low, high = min(measurement.samples_ms), max(measurement.samples_ms)
        flags = (*flags, "too few blocks for an interval: the range of the samples is shown")
    return Timing(
        median_ms=measurement.median_ms,
        low_ms=low,
        high_ms=high,
        measured=True,
        p90_ms=measurement.p90_ms,
        p99_ms=measurement.p99_ms,
        upper_ms=upper_ms,
        samples_ms=measurement.samples_ms,
        flags=flags,
    )


class _Records:
    """The evaluations and measurements among the steps, by canonical plan."""

    def __init__(self, space: Space, steps: Steps) -> None:
        self._space = space
        self.evaluated = {
            space.canonical(one.plan): one for one in map(Evaluation.from_dict, _found(steps, "evaluation"))
        }
        self.measured = {
            space.canonical(one.plan): one
            for records in _found(steps, "measurements")
            for one in map(Measurement.from_dict, records)
        }

    def metrics(self, plan: Plan) -> Mapping[str, float]:
        """The metrics of a plan on the search split; empty where it was not evaluated."""
        evaluation = self.evaluated.get(self._space.canonical(plan))
        return {} if evaluation is None else evaluation.metrics

    def images(self, plan: Plan) -> int:
        """Images that a plan was evaluated on; 0 where this search did not evaluate it itself."""
        evaluation = self.evaluated.get(self._space.canonical(plan))
        return 0 if evaluation is None else evaluation.images

    def point(self, one: FrontPoint, metric: str) -> Point:
        """A point of the front with all its metrics."""
        timing = Timing(one.latency_ms, one.low_ms, one.high_ms, one.measured)
        return Point(one.plan, timing, self.metrics(one.plan) or {metric: one.metric}, self.images(one.plan))


def _found(steps: Steps, field: str) -> Iterator[Any]:
    return (data[field] for data in steps.values() if field in data)


def _confirmation(steps: Steps, plan: Plan, space: Space, field: str) -> Confirmation | None:
    data = steps.get("confirm")
    if data is None or space.canonical(Plan.of(data["plan"])) != space.canonical(plan):
        return None
    return Confirmation(data[field], data["images"], "confirm")


def _probability(answer: Answer, measurement: Measurement | None, job: Job, winner: bool) -> float | None:
    if winner and answer.decision:
        return float(answer.decision["probability"])
    return None if measurement is None else measurement.probability_within(job.budget.max_ms)
