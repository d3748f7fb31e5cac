"""How the search got better: the best accuracy inside the budget, and the hypervolume, after each trial."""

from bisect import insort
from typing import Any

from search.plots.source import Source
from search.store.rows import TrialRow


def progress(source: Source) -> dict[str, Any]:
    """`steps` [{trial, best, hypervolume, metric, feasible, within}] in the order of asking.

    `hypervolume` is the area under the front so far, in metric x ms, as a share of the last one.
    """
    trials = [trial for trial in source.finished if trial.latency_ms is not None]
    areas = _areas(trials)
    largest = max(areas, default=0.0) or 1.0
    best: float | None = None
    steps = []
    for trial, area in zip(trials, areas, strict=True):
        feasible = trial.excess is not None and trial.excess <= 0
        if feasible and trial.metric is not None and (best is None or trial.metric > best):
            best = trial.metric
        steps.append(
            {
                "trial": trial.number,
                "metric": trial.metric,
                "feasible": feasible,
                "best": best,
                "hypervolume": area / largest,
            }
        )
    return {"steps": steps, "summary": _summary(source, steps)}


def _areas(trials: list[TrialRow]) -> list[float]:
    """The dominated area after each trial, down to the worst accuracy and up to the largest latency of all."""
    if not trials:
        return []
    floor = min(trial.metric for trial in trials if trial.metric is not None)
    ceiling = max(trial.latency_ms for trial in trials if trial.latency_ms is not None)
    stairs: list[tuple[float, float]] = []  # (ms, metric), both rising
    areas = []
    for trial in trials:
        assert trial.metric is not None and trial.latency_ms is not None
        here = (trial.latency_ms, trial.metric)
        if not any(ms <= here[0] and metric >= here[1] for ms, metric in stairs):
            stairs = [step for step in stairs if not (here[0] <= step[0] and here[1] >= step[1])]
            insort(stairs, here)
        area, reached = 0.0, floor
        for ms, metric in stairs:
            area += (ceiling - ms) * (metric - reached)
            reached = metric
        areas.append(area)
    return areas


def _summary(source: Source, steps: list[dict[str, Any]]) -> str:
    if not steps:
        return "No trial has finished yet."
    best = steps[-1]["best"]
    name = source.head()["metric_name"]
    if best is None:
        return f"{len(steps)} trials, none of them inside the budget so far."
    first = next(step["trial"] for step in steps if step["best"] == best)
    return (
        f"Best {name} inside the budget: {best:.2f}, found by trial {first} of {source.counts.get('done', len(steps))}."
    )
