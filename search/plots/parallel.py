"""Parallel coordinates: one line per trial through its knobs, its latency and its accuracy."""

from typing import Any

from search.plots.source import Source


def parallel(source: Source) -> dict[str, Any]:
    """`axes` [{name, kind, values?}] and `rows` [{number, values, feasible, chosen}], values in that order."""
    space = source.space
    if space is None:
        return {"axes": [], "rows": [], "summary": "The knobs are not known before the target has been opened."}
    chosen = None if source.chosen is None else space.canonical(source.chosen)
    axes: list[dict[str, Any]] = [
        {"name": knob.name, "kind": "knob", "values": list(knob.values)} for knob in space.knobs
    ]
    axes += [
        {"name": "latency", "kind": "latency", "unit": "ms"},
        {"name": source.head()["metric_name"], "kind": "metric"},
    ]
    rows: list[dict[str, Any]] = []
    for trial in source.finished:
        if trial.latency_ms is None:
            continue
        plan = space.canonical(trial.plan)
        positions = space.indices(plan)
        rows.append(
            {
                "number": trial.number,
                "values": [*positions, trial.latency_ms, trial.metric],
                "feasible": trial.excess is not None and trial.excess <= 0,
                "chosen": plan == chosen,
            }
        )
    inside = sum(row["feasible"] for row in rows)
    summary = f"{len(rows)} plans, {inside} of them inside the budget, across {len(space.knobs)} knobs."
    return {"axes": axes, "rows": rows, "summary": summary}
