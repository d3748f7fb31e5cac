"""`manifest.json`: where every number of a bundle comes from."""

import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from search.export.files import listing_digest, sha256
from search.export.subject import Point, Subject

SCHEMA = "sparsearch-bundle/1"
_PACKAGES = ("sparsearch", "torch", "torchvision", "mmcv-full", "mmdet", "numpy", "optuna", "ray", "safetensors")
_ROOT = Path(__file__).resolve().parent.parent.parent


def manifest(subject: Subject, name: str, files: dict[str, dict[str, str | int]]) -> dict[str, Any]:
    """The manifest as JSON.

    Args:
        subject: the answer.
        name: name of the bundle.
        files: digests of every other file of the bundle.
    """
    confirmed, confirmed_dense = subject.confirmed, subject.confirmed_dense
    return {
        "schema": SCHEMA,
        "name": name,
        "created": subject.created,
        "simulated": subject.simulated,
        "plan": dict(subject.chosen.plan),
        "search": {"id": subject.search, "measured": subject.measured, "evaluated": subject.evaluated},
        "job": dict(subject.job),
        "target": {
            "name": subject.target,
            "kind": subject.kind,
            "config": subject.config,
            "config_sha256": sha256(Path(subject.config)) if subject.config else None,
            "checkpoint": subject.checkpoint,
            "checkpoint_sha256": sha256(Path(subject.checkpoint)) if subject.checkpoint else None,
        },
        "space": json.loads(subject.space.to_json()),
        "budget": {
            **subject.budget.to_dict(),
            "meets": subject.meets_budget,
            "probability": subject.probability,
        },
        "device": dict(subject.device),
        "setting": dict(subject.setting),
        "latency": {
            "chosen": _latency(subject.chosen),
            "dense": _latency(subject.dense),
            "floor": _latency(subject.floor),
            "ratio_to_dense": subject.chosen.timing.median_ms / subject.dense.timing.median_ms,
            "model": None if subject.latency_model is None else dict(subject.latency_model),
        },
        "accuracy": {
            "search": {"images": subject.chosen.images, "chosen": dict(subject.chosen.metrics)}
            | {"dense": dict(subject.dense.metrics)},
            "confirm": None
            if confirmed is None
            else {
                "split": confirmed.split,
                "images": confirmed.images,
                "chosen": dict(confirmed.metrics),
                "dense": dict(confirmed_dense.metrics) if confirmed_dense else None,
            },
        },
        "front": [
            {"plan": dict(point.plan), "metrics": dict(point.metrics), "latency": _latency(point)}
            for point in subject.front
        ],
        "software": {"code": revision(), "python": platform.python_version(), **versions()},
        "files": files,
        "bundle_sha256": listing_digest(files),
    }


def versions() -> dict[str, str | None]:
    """Versions of the packages that could change a number; None where one is not installed."""
    found: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def revision(root: Path = _ROOT) -> dict[str, Any]:
    """The git revision of this code, and whether it was changed since; None outside a clone."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "modified": None if changed is None else bool(changed)}


def _git(root: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *command], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _latency(point: Point) -> Mapping[str, Any]:
    timing = point.timing
    samples = sorted(timing.samples_ms)
    p95 = samples[min(int(0.95 * len(samples)), len(samples) - 1)] if samples else None
    return {
        "measured": timing.measured,
        "samples": len(samples),
        "median_ms": timing.median_ms,
        "interval_ms": [timing.low_ms, timing.high_ms],
        "p90_ms": timing.p90_ms,
        "p95_ms": p95,
        "p99_ms": timing.p99_ms,
        "upper_ms": timing.upper_ms,
        "flags": list(timing.flags),
    }
