"""The last words of a search: what was asked, what was found, how sure it is, what to do next."""

from collections.abc import Mapping
from pathlib import Path

from search.answer import Answer, Outcome
from search.records import Job
from sparsearch.views.progress import latency


def conclusion(outcome: Outcome, job: Job) -> str:
    """Some lines of text."""
    lines = [f"search {outcome.id}: {outcome.state}"]
    answer = outcome.answer
    if answer is None:
        lines.append(f"  {outcome.message}")
        return "\n".join(lines)
    lines.append(f"  floor      {latency(answer.floor)}")
    lines.append(f"  dense      {latency(answer.dense)}  {_scores(answer.dense_metrics)}".rstrip())
    if answer.dense_fits:
        lines.append(f"  note       the dense plan fits into {job.budget} by itself")
    if answer.plan is None:
        lines.append(f"  {outcome.message}")
        if answer.nearest is not None:
            lines.append(f"  nearest    {answer.nearest}")
    else:
        lines += _found(outcome.id, answer, job)
    if answer.simulated:
        lines.append("  SIMULATED: no statement about real hardware or a real model")
    if answer.bundle is not None:
        lines.append(f"  bundle     {answer.bundle}")
        lines.append(f"  next       sparsearch verify {answer.bundle}")
        if (Path(answer.bundle) / "finetune.py").is_file():
            lines.append(f"             sparsearch train {answer.bundle}/finetune.py")
    return "\n".join(lines)


def _found(search: str, answer: Answer, job: Job) -> list[str]:
    assert answer.latency is not None
    upper = (answer.decision or {}).get("upper_ms")
    bound = "unknown" if upper is None else f"{upper:.4g} ms"
    lines = [
        f"  plan       {answer.plan}",
        f"  latency    {latency(answer.latency)}; upper bound {bound} for a budget of {job.budget}",
        f"  accuracy   {_scores(answer.metrics)} on the search images",
    ]
    if answer.confirmed is not None:
        lines.append(f"  confirmed  {_scores(answer.confirmed)} on images the search did not use")
    if answer.dense_confirmed is not None:
        lines.append(f"  (dense)    {_scores(answer.dense_confirmed)} on the same images")
    lines.append(f"  front      {len(answer.front)} plans: sparsearch front {search}")
    lines.append(f"  effort     {answer.evaluated} plans evaluated, {answer.reused} of them known before")
    return lines


def _scores(metrics: Mapping[str, float] | None) -> str:
    shown = {name: value for name, value in (metrics or {}).items() if name in ("bbox_mAP", "segm_mAP")}
    return ", ".join(f"{name} {value:.2f}" for name, value in shown.items())
