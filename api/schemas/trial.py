"""Trials: one per evaluation that was asked for."""

from typing import Literal

from api.schemas.base import PlanJson, PointId, Told


class Trial(Told):
    """One plan whose accuracy was asked for."""

    number: int
    """In the order of asking, from 0."""
    plan: PlanJson
    point: PointId
    state: Literal["running", "done", "failed"]
    metric: float | None
    """The metric that is maximised."""
    metrics: dict[str, float] | None
    latency_ms: float | None
    """Forecast of the latency model when it was evaluated."""
    low_ms: float | None
    high_ms: float | None
    excess: float | None
    """How far its conservative bound is over the budget, as a share of it; at most 0: probably feasible."""
    feasible: bool | None
    """Whether `excess` is at most 0."""
    origin: str | None
    """new: evaluated by this search; archive: by an earlier one."""
    images: int | None
    seconds: float | None
    attempts: int
    cause: str | None
    """Why it failed: crash, timeout, error, nan or memory."""
    error: str | None
    asked_at: str | None
    """ISO 8601, UTC."""
    ended_at: str | None
    """ISO 8601, UTC."""


class TrialPage(Told):
    """Trials in the order of asking."""

    items: list[Trial]
    next_page_token: str | None
    """Give it as `page_token` with the same filters; null: this is the last page."""


class LogLine(Told):
    """One line about a trial."""

    at: str
    """ISO 8601, UTC."""
    seq: int
    """Number of the event."""
    event: str
    """Name of the event."""
    message: str


class TrialLog(Told):
    """What is known about the course of one trial."""

    search: str
    number: int
    lines: list[LogLine]
    """Events of the search about this trial, and what it said meanwhile."""
    runner: list[str]
    """Last lines of the log of the processes that ran the search; the newest come last."""
