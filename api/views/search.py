"""A search as JSON: the stored row, and what its events say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.failures import without_folders
from api.schemas.search import (
    Answer,
    Condition,
    Device,
    Effort,
    Latency,
    Links,
    Progress,
    Request,
    Search,
    Setting,
    TrialCounts,
)
from api.views.event import truth
from api.views.points import finite, latency_view, point_id
from search.records import Job
from search.store.rows import SearchRow, StoredEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacts:
    """What is known about a search beside its row.

    Args:
        prepared: data of its `prepared` event.
        floor, dense: latencies of the two ends.
        conditions: its `condition` events, oldest first.
        progress: data of its newest `progress` event.
        counts: trials by state, and how many were reused.
        queue_position: searches ahead of it; None: it does not wait.
        verdict: of its answer.
    """

    prepared: Mapping[str, Any] | None = None
    floor: Latency | None = None
    dense: Latency | None = None
    conditions: Sequence[StoredEvent] = ()
    progress: Mapping[str, Any] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    queue_position: int | None = None
    verdict: str = ""


def search_view(row: SearchRow, facts: SearchFacts) -> Search:
    """A search as the service tells it."""
    job, prepared = row.job, facts.prepared
    return Search(
        id=row.id,
        name=job.name,
        labels=dict(job.labels),
        target=job.target,
        state=row.state,  # type: ignore[arg-type]  # one of the states; the model checks it
        message=without_folders(row.message),
        conditions=conditions(facts.conditions),
        created_at=row.created_at,
        updated_at=row.updated_at,
        attempts=row.attempts,
        queue_position=facts.queue_position,
        request=request_view(job),
        metric=job.metric,
        device=None if prepared is None else device_view(prepared),
        simulated=None if prepared is None else bool(prepared["simulated"]),
        floor=facts.floor,
        dense=facts.dense,
        progress=None if row.terminal or facts.progress is None else progress_view(facts.progress),
        trials=counts_view(facts.counts),
        answer=answer_view(row, facts.verdict),
        links=links(row),
    )


def request_view(job: Job) -> Request:
    """The request with its defaults filled in."""
    setting, budget = job.setting, job.budget
    return Request(
        target=job.target,
        max_ms=budget.max_ms,
        min_ms=budget.min_ms,
        stat=budget.statistic,
        setting=Setting(
            scope=setting.scope,
            batch=setting.batch,
            img_size=list(setting.input_size),
            dtype=setting.dtype,
            runtime=setting.runtime,
            device=setting.device,
            threads=setting.threads,
        ),
        effort=Effort(
            evaluations=job.evaluations,
            seconds=job.seconds,
            images=job.images,
            workers=job.workers,
            evaluation_timeout_s=job.evaluation_timeout_s,
        ),
        sampler=job.sampler,
        seed=job.seed,
    )


def device_view(prepared: Mapping[str, Any]) -> Device:
    """The device of a `prepared` event."""
    device = prepared["device"]
    return Device(
        name=device["name"], key=prepared["device_key"], details=dict(device.get("details", {}).get("key", {}))
    )


def conditions(events: Iterable[StoredEvent]) -> list[Condition]:
    """The newest condition of each type, in the order of their first appearance."""
    found: dict[str, Condition] = {}
    for event in events:
        data = event.data
        found[data["type"]] = Condition(
            type=data["type"],
            status=truth(data["status"]),
            reason=data["reason"],
            message=without_folders(data["message"]),
            at=event.at,
        )
    return list(found.values())


def progress_view(data: Mapping[str, Any]) -> Progress:
    """A `progress` event."""
    return Progress(
        phase=data["phase"],
        done=data["done"],
        total=data["total"],
        rate=finite(data["rate"]),
        eta_s=finite(data["eta_s"]),
    )


def counts_view(counts: Mapping[str, int]) -> TrialCounts:
    """Trials by state."""
    running, done, failed = (counts.get(state, 0) for state in ("running", "done", "failed"))
    return TrialCounts(
        running=running, done=done, failed=failed, reused=counts.get("reused", 0), total=running + done + failed
    )


def answer_view(row: SearchRow, verdict: str) -> Answer | None:
    """The answer of a search that has one.

    Args:
        row: the search.
        verdict: the answer in a sentence; where there is no plan, the search's own message is one.
    """
    answer = row.answer
    if answer is None:
        return None
    return Answer(
        plan=None if answer.plan is None else dict(answer.plan),
        point=None if answer.plan is None else point_id(answer.plan),
        latency=None if answer.latency is None else latency_view(answer.latency),
        upper_ms=None if answer.decision is None else finite(answer.decision["upper_ms"]),
        risk=row.job.alpha,
        metrics=_metrics(answer.metrics),
        confirmed=_metrics(answer.confirmed),
        dense_metrics=_metrics(answer.dense_metrics),
        dense_confirmed=_metrics(answer.dense_confirmed),
        dense_fits=answer.dense_fits,
        nearest=None if answer.nearest is None else dict(answer.nearest),
        verdict=without_folders(row.message) if answer.plan is None else verdict,
    )


def links(row: SearchRow) -> Links:
    """Where to go from a search."""
    path = f"/v1/searches/{row.id}"
    plan = None if row.answer is None else row.answer.plan
    return Links(
        self=path,
        page=f"/searches/{row.id}",
        events=f"{path}/events",
        trials=f"{path}/trials",
        front=f"{path}/front",
        report=None if plan is None else f"{path}/report.html",
        bundle=None if plan is None else f"{path}/front/{point_id(plan)}/bundle.zip",
    )


def _metrics(metrics: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if metrics is None else dict(metrics)
