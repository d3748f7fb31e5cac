"""Step 8: the finalists are fine-tuned side by side, because the order before fine-tuning need not be the order after.

Ray Tune runs the trainings and stops hopeless ones early (ASHA). What counts is on disk: every run keeps its
checkpoints and one line per epoch in a folder of its own, so a killed fine-tuning goes on from each run's last epoch.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.answer import Answer
from search.errors import ExportError, SearchError
from search.export.bundle import write_bundle
from search.export.gather import Steps, gather
from search.export.subject import Subject
from search.records import Job
from search.targets import Target

EPOCHS_FILE = "epochs.jsonl"
"""One JSON object per evaluated epoch of a run: epoch (0: before training) and metrics in 0..100."""


@dataclass(frozen=True, slots=True)
class Finalist:
    """A plan to fine-tune.

    Args:
        plan: the plan.
        bundle: its bundle.
        latency_ms: its latency, measured or predicted.
    """

    plan: Plan
    bundle: Path
    latency_ms: float

    @property
    def name(self) -> str:
        """Name of its run."""
        return self.bundle.name


@dataclass(frozen=True, slots=True)
class Options:
    """How to fine-tune.

    Args:
        workers: trainings at a time; None: one per GPU, or one.
        epochs: epochs; None: what the bundle's config says.
        grace: epochs before a training may be stopped early.
        overrides: fields of the config, as `--cfg-options`.
    """

    workers: int | None = None
    epochs: int | None = None
    grace: int = 1
    overrides: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """A finalist after fine-tuning; metrics are those of `data.val` of its config, in 0..100.

    Args:
        plan, latency_ms: the plan and its latency.
        before: the metric before training.
        after: the best epoch's; None where no epoch was finished.
        epochs: epochs finished.
        state: "finished", "stopped early" or "failed".
        checkpoint: weights of the last finished epoch.
        work_dir: logs and checkpoints.
        reason: why it failed, one line.
    """

    plan: Plan
    latency_ms: float
    before: float | None
    after: float | None
    epochs: int
    state: str
    checkpoint: str | None
    work_dir: str
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return {**asdict(self), "plan": dict(self.plan)}


def finalists(
    job: Job, target: Target, answer: Answer, steps: Steps, created: str, top: int, bundles: Path
) -> list[Finalist]:
    """The best plans of the front that are probably within the budget, each with its bundle; the answer comes first.

    Raises:
        ExportError: there is nothing to train.
    """
    if target.kind == "synthetic":
        raise ExportError(f"target {target.name} is simulated: it has no model to fine-tune")
    if answer.plan is None:
        raise ExportError(f"search {job.id} found no plan within its budget, so there is nothing to fine-tune")
    within = [point for point in answer.front if point.within >= 0.5 and point.plan != answer.plan]
    ranked = sorted(within, key=lambda point: -point.metric)
    plans = [answer.plan, *(point.plan for point in ranked)][:top]
    return [_finalist(gather(job, target, answer, steps, created, plan), bundles) for plan in plans]


def run(chosen: Sequence[Finalist], folder: Path, metric: str, options: Options) -> list[Tuned]:
    """Fine-tune the finalists; returns them best first, those without a finished epoch last.

    Args:
        chosen: what to train.
        folder: runs and the state of Ray Tune; the same folder resumes.
        metric: what decides, such as "bbox_mAP" or "top1".
        options: how.
    Raises:
        SearchError: every training failed; names the logs.
    """
    from search.finetune_tuner import tune_all

    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    failed = tune_all(chosen, folder, metric, options)
    tuned = [_result(one, folder, metric, options, failed.get(one.name)) for one in chosen]
    if all(one.after is None for one in tuned):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items()) or "no epoch was finished"
        raise SearchError(f"no fine-tuning succeeded ({reasons}); the logs are in {folder}")
    return sorted(tuned, key=lambda one: -(one.after if one.after is not None else -1.0))


def epochs_of(bundle: Path, options: Options) -> int:
    """How long a bundle trains."""
    from search.export.checks import CONFIG
    from search.export.literals import parse

    if options.epochs is not None:
        return options.epochs
    return int(parse((bundle / CONFIG).read_text(encoding="utf-8"))["runner"]["max_epochs"])


def read_epochs(work_dir: Path) -> dict[int, dict[str, float]]:
    """Metrics by epoch; a line that a kill tore off is left out."""
    found: dict[int, dict[str, float]] = {}
    try:
        lines = (work_dir / EPOCHS_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        found.setdefault(entry["epoch"], entry["metrics"])
    return found


def append_epoch(work_dir: Path, epoch: int, metrics: Mapping[str, float]) -> None:
    """Add a line, whole or not at all for every reader that splits at line ends."""
    line = json.dumps({"epoch": epoch, "metrics": dict(metrics)}) + "\n"
    handle = os.open(work_dir / EPOCHS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _finalist(subject: Subject, bundles: Path) -> Finalist:
    bundle = write_bundle(subject, bundles)
    return Finalist(subject.chosen.plan, bundle.path, subject.chosen.timing.median_ms)


def _result(one: Finalist, folder: Path, metric: str, options: Options, failure: str | None) -> Tuned:
    work_dir = folder / one.name
    seen = read_epochs(work_dir)
    trained = {epoch: metrics[metric] for epoch, metrics in seen.items() if epoch > 0}
    last = max(trained, default=0)
    if last >= epochs_of(one.bundle, options):
        state = "finished"
    else:  # nobody is stopped early before a first epoch, so without one it failed, whatever Tune knows of it
        state = "failed" if failure is not None or not trained else "stopped early"
    checkpoint = work_dir / f"epoch_{last}.pth"
    return Tuned(
        plan=one.plan,
        latency_ms=one.latency_ms,
        before=seen[0][metric] if 0 in seen else None,
        after=max(trained.values(), default=None),
        epochs=last,
        state=state,
        checkpoint=str(checkpoint) if checkpoint.is_file() else None,
        work_dir=str(work_dir),
        reason="" if state != "failed" else failure or f"no epoch was finished; see the logs in {work_dir}",
    )
