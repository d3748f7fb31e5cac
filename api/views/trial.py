"""Trials as JSON."""

from collections.abc import Iterable, Sequence

from api.failures import without_folders
from api.schemas.trial import LogLine, Trial, TrialLog
from api.views.event import NAMES
from api.views.points import finite, point_id
from search.store.rows import StoredEvent, TrialRow, plan_key


def trial_view(row: TrialRow) -> Trial:
    """A stored trial."""
    excess = finite(row.excess)
    return Trial(
        number=row.number,
        plan=dict(row.plan),
        point=point_id(row.plan),
        state=row.state,  # type: ignore[arg-type]  # one of the states; the model checks it
        metric=finite(row.metric),
        metrics=None if row.metrics is None else dict(row.metrics),
        latency_ms=finite(row.latency_ms),
        low_ms=finite(row.low_ms),
        high_ms=finite(row.high_ms),
        excess=excess,
        feasible=None if excess is None else excess <= 0,
        origin=row.origin,
        images=row.images,
        seconds=finite(row.seconds),
        attempts=row.attempts,
        cause=row.cause,
        error=None if row.error is None else without_folders(row.error),
        asked_at=row.asked_at,
        ended_at=row.ended_at,
    )


def trial_log(search_id: str, row: TrialRow, events: Iterable[StoredEvent], runner: Sequence[str]) -> TrialLog:
    """The lines about one trial: events that name its plan, and remarks made between its start and its end.

    Args:
        search_id: the search.
        row: the trial.
        events: of the search, from a little before the trial was asked for.
        runner: last lines of the runner's log.
    """
    key = plan_key(row.plan)
    lines = []
    for event in events:
        if event.kind == "log" and not row.asked_at <= event.at <= (row.ended_at or event.at):
            continue
        if message := without_folders(_message(event, key) or ""):
            name = NAMES.get(event.kind, event.kind)
            lines.append(LogLine(at=event.at, seq=event.seq, event=name, message=message))
    return TrialLog(search=search_id, number=row.number, lines=lines, runner=[without_folders(line) for line in runner])


def _message(event: StoredEvent, key: str) -> str | None:
    data = event.data
    if event.kind == "log":
        return str(data["message"])
    if event.kind == "ask" and any(plan_key(plan) == key for plan in data["plans"]):
        return f"asked in round {data['round']}"
    if event.kind == "evaluation" and plan_key(data["evaluation"]["plan"]) == key:
        how = "from the archive" if data["origin"] == "archive" else f"in {data['evaluation']['seconds']:.3g} s"
        return f"metric {data['metric']:.4g} on {data['evaluation']['images']} images {how}"
    if event.kind in ("attempt", "failure") and plan_key(data["plan"]) == key:
        what = f"attempt {data['attempt']} {data['state']}" if event.kind == "attempt" else "failed for good"
        return f"{what}: {data['cause']}, {data['reason']}" if data.get("cause") else what
    if event.kind == "verify" and plan_key(data["plan"]) == key:
        return f"measured as finalist {data['rank']}: {'accepted' if data['accepted'] else 'not accepted'}"
    return None
