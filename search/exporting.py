"""Step 7 of a search: the answer becomes a bundle."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.plan import Value
from search.answer import Answer
from search.export.bundle import write_bundle
from search.export.gather import Steps, gather
from search.records import Job
from search.targets import Target


def export(
    job: Job,
    target: Target,
    answer: Answer,
    steps: Steps,
    bundles: Path,
    plan: Mapping[str, Value] | None = None,
    created: str | None = None,
) -> dict[str, Any]:
    """Write the bundle of the chosen plan, or of another plan of the front.

    Args:
        job: the request; its `output`, if set, is the folder of the chosen plan's bundle.
        target: what the search is about.
        answer: what it found.
        steps: data of its finished steps, by key.
        bundles: where bundles go by default.
        plan: None: the chosen plan.
        created: when the search ended, ISO 8601; None: now.
    Returns:
        The data of an `export` event: path, zip, plan, sha256.
    Raises:
        ExportError: the bundle cannot be written, or does not check out.
    """
    subject = gather(job, target, answer, steps, created or datetime.now(UTC).isoformat(timespec="seconds"), plan)
    output = None if job.output is None else Path(job.output)
    bundle = write_bundle(subject, bundles, output)
    return {
        "path": str(bundle.path),
        "zip": str(bundle.zip),
        "plan": dict(subject.chosen.plan),
        "sha256": bundle.sha256,
    }
