"""Who worked when: every trial as a bar on a lane, so that gaps and stragglers can be seen."""

from datetime import datetime
from typing import Any

from search.plots.source import Source
from search.store.rows import TrialRow

OVERLAP_S = 0.05
"""Stamps are of the commit, so neighbours on one worker may seem to overlap by a few milliseconds."""


def workers(source: Source) -> dict[str, Any]:
    """`bars` [{number, lane, start_s, end_s, state, attempts}], seconds since the first trial was asked for.

    A lane is one evaluation at a time; trials that the archive answered took no time and are only counted.
    """
    timed = [trial for trial in source.trials if trial.ended_at is not None and trial.origin != "archive"]
    if not timed:
        return {"bars": [], "lanes": 0, "reused": _reused(source), "summary": "No trial has run yet."}
    zero = min(_start(trial) for trial in timed)
    free: list[float] = []  # when each lane is free again
    bars: list[dict[str, Any]] = []
    for trial in sorted(timed, key=lambda one: (_start(one), one.number)):
        start, end = _start(trial) - zero, _end(trial) - zero
        lane = next((place for place, when in enumerate(free) if when <= start + OVERLAP_S), len(free))
        if lane == len(free) and lane < source.row.job.workers:
            free.append(0.0)
        elif lane == len(free):  # commits of a busy machine come late and in bursts
            lane = free.index(min(free))
        start = max(start, free[lane])
        free[lane] = end = max(start, end)
        bars.append(
            {
                "number": trial.number,
                "lane": lane,
                "start_s": round(start, 3),
                "end_s": round(end, 3),
                "state": trial.state,
                "attempts": trial.attempts,
                "metric": trial.metric,
            }
        )
    span = max(bar["end_s"] for bar in bars)
    busy = sum(bar["end_s"] - bar["start_s"] for bar in bars)
    share = busy / (span * len(free)) if span > 0 else 0.0
    lanes = f"{len(free)} lane{'s' if len(free) != 1 else ''}"
    summary = f"{len(bars)} trials on {lanes} in {span:.0f} s, busy {share:.0%} of it."
    return {"bars": bars, "lanes": len(free), "reused": _reused(source), "summary": summary}


def _reused(source: Source) -> int:
    return source.counts.get("reused", 0)


def _end(trial: TrialRow) -> float:
    assert trial.ended_at is not None
    return datetime.fromisoformat(trial.ended_at).timestamp()


def _start(trial: TrialRow) -> float:
    """The evaluation itself, where its length is known: plans are asked for a batch at a time and wait their turn."""
    if trial.seconds is not None:
        return _end(trial) - trial.seconds
    return _end(trial) if trial.asked_at is None else datetime.fromisoformat(trial.asked_at).timestamp()
