"""Lists, single searches and fronts of a service, in the columns of those stored here."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from search.errors import JobError
from sparsearch.client import Client
from sparsearch.client.records import Point, Search
from sparsearch.remote.watching import ending_of
from sparsearch.views.asked import AskedService
from sparsearch.views.conclusion import conclusion

Row = dict[str, Any]


def row(search: Search) -> Row:
    """A search in the columns of `sparsearch list`."""
    return {
        "id": search.id,
        "state": search.state,
        "target": search.target,
        "budget": AskedService.of(search).budget,
        "device": search.request.setting.get("device"),
        "sampler": search.request.sampler,
        "seed": search.request.seed,
        "created": search.created_at,
        "message": search.message,
    }


def as_data(search: Search) -> Row:
    """All that is known of a search, for programs."""
    return dataclasses.asdict(search)


def in_words(client: Client, search: Search) -> str:
    """A search as `sparsearch show` prints it."""
    asked = AskedService.of(search)
    effort = search.request.effort.get("evaluations")
    lines = [
        f"target {asked.target}, {asked.budget}, sampler {asked.sampler}, seed {search.request.seed}, "
        f"{effort} evaluations",
        f"timed: {asked.setting}",
        f"created {search.created_at}, updated {search.updated_at}, runner started {search.attempts} times",
    ]
    if search.queue_position is not None:
        lines.append(f"{search.queue_position} searches wait before it")
    return "\n".join([*lines, conclusion(ending_of(client, search.id), asked)])


def front(client: Client, id: str, table: str, max_ms: float | None) -> list[Row]:
    """Rows of a front or of trials.

    Args:
        client: of the service.
        id: of the search.
        table: "front" or "trials".
        max_ms: only what is inside this budget.
    Raises:
        JobError: a service does not tell that table.
    """
    if table == "front":
        points = client.front(id, max_ms).points
        return [_point(one) for one in points if max_ms is None or one.meets == "yes"]
    if table == "trials":
        rows = [_flat(dataclasses.asdict(one)) for one in client.trials(id)]
        return [one for one in rows if max_ms is None or (one["latency_ms"] or 0.0) <= max_ms]
    raise JobError(f"--table {table!r} is not told by a service; choose front or trials")


def _point(point: Point) -> Row:
    latency = point.latency
    return {
        "metric": point.metric,
        "latency_ms": latency.ms,
        "low_ms": latency.low_ms,
        "high_ms": latency.high_ms,
        "within": point.probability,
        "measured": latency.measured,
        "chosen": point.chosen,
        "meets": point.meets,
        "point": point.id,
        **point.plan,
    }


def _flat(record: Mapping[str, Any]) -> Row:
    plain = {name: value for name, value in record.items() if name not in ("plan", "metrics")}
    return {**plain, **(record["metrics"] or {}), **record["plan"]}
