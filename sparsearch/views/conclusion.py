"""The last words of a search: what was asked, what was found, how sure it is, what to do next."""

from collections.abc import Mapping

from search.tasks import METRICS
from sparsearch.views.asked import Asked
from sparsearch.views.ending import Ending, Found
from sparsearch.views.progress import latency
from sparsearch.views.timed import Timed


def conclusion(ending: Ending, job: Asked) -> str:
    """Some lines of text."""
    lines = [f"search {ending.id}: {ending.state}"]
    found = ending.found
    if found is None:
        lines.append(f"  {ending.message}")
        return "\n".join(lines)
    lines.append(f"  floor      {_latency(found.floor)}")
    lines.append(f"  dense      {_latency(found.dense)}  {_scores(found.dense_metrics)}".rstrip())
    if found.dense_fits:
        lines.append(f"  note       the dense plan fits into {job.budget} by itself")
    if found.plan is None:
        lines.append(f"  {ending.message}")
        if found.nearest is not None:
            lines.append(f"  nearest    {found.nearest}")
    else:
        lines += _answer(ending.id, found, job)
    if found.simulated:
        lines.append("  SIMULATED: no statement about real hardware or a real model")
    if ending.bundle is not None:
        lines.append(f"  bundle     {ending.bundle}")
    lines += [f"  {'' if number else 'next':10} {step}" for number, step in enumerate(ending.steps)]
    return "\n".join(lines)


def _answer(search: str, found: Found, job: Asked) -> list[str]:
    bound = "unknown" if found.upper_ms is None else f"{found.upper_ms:.4g} ms"
    lines = [
        f"  plan       {found.plan}",
        f"  latency    {_latency(found.latency)}; upper bound {bound} for a budget of {job.budget}",
        f"  accuracy   {_scores(found.metrics)} on the search images",
    ]
    if found.confirmed is not None:
        lines.append(f"  confirmed  {_scores(found.confirmed)} on images the search did not use")
    if found.dense_confirmed is not None:
        lines.append(f"  (dense)    {_scores(found.dense_confirmed)} on the same images")
    lines.append(f"  front      {found.front} plans: sparsearch front {search}")
    lines.append(f"  effort     {found.evaluated} plans evaluated, {found.reused} of them known before")
    return lines


def _latency(took: Timed | None) -> str:
    return "not measured" if took is None else latency(took)


def _scores(metrics: Mapping[str, float] | None) -> str:
    shown = {name: value for name, value in (metrics or {}).items() if name in METRICS}
    return ", ".join(f"{name} {value:.2f}" for name, value in shown.items())
