"""Writing a bundle: made in a scratch folder, checked there, and only then visible under its name."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from models.zoo import FAMILIES, family_of
from search.errors import ExportError
from search.export.checks import check, failures
from search.export.files import appearing_folder, listing, write_zip
from search.export.literals import dump
from search.export.metafile import metafile
from search.export.provenance import manifest
from search.export.readme import readme
from search.export.report.page import report
from search.export.subject import Subject

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A finished bundle.

    Args:
        path: its folder.
        zip: the same, packed.
        sha256: digest over its files, as in the manifest.
    """

    path: Path
    zip: Path
    sha256: str


def bundle_name(subject: Subject) -> str:
    """Name of the bundle of a search and a plan: equal for equal answers, [a-z0-9_-] only."""
    plan = json.dumps(dict(sorted(subject.chosen.plan.items())))
    search = re.sub(r"[^a-z0-9_-]+", "-", subject.search.lower()) or "search"
    return f"{subject.target}-{search}-{hashlib.sha256(plan.encode()).hexdigest()[:8]}"


def write_bundle(subject: Subject, parent: Path, output: Path | None = None) -> Bundle:
    """Write the folder and the zip of an answer; whole or not at all.

    A bundle of the same search and plan that is there already is checked and handed back, so that a search that was
    killed between writing and reporting ends as if it had not been.

    Args:
        subject: the answer.
        parent: where bundles go.
        output: the folder itself, instead of a name below `parent`.
    Raises:
        ExportError: it cannot be written, something else is there, or what was written does not check out.
    """
    name = bundle_name(subject)
    folder = (parent / name if output is None else output).absolute()
    if set(str(folder)) & set("'\"\\\n"):
        raise ExportError(
            f"{str(folder)!r}: a config cannot name files below a path with quotes; choose another --output"
        )
    if not (folder.exists() and _is_ours(folder, name)):
        with appearing_folder(folder) as scratch:
            _fill(subject, name, scratch)
            _refuse_broken(scratch)
    packed = folder.with_name(folder.name + ".zip")
    write_zip(folder, packed)
    return Bundle(folder, packed, json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["bundle_sha256"])


def _fill(subject: Subject, name: str, folder: Path) -> None:
    weights, family, free = None, FAMILIES[0], False
    if subject.kind != "synthetic":
        from search.export.finetune_config import TRAINING_FREE, finetune_config
        from search.export.model import read_config, write_weights

        assert subject.config is not None and subject.checkpoint is not None
        base = read_config(Path(subject.config))
        weights = write_weights(base, Path(subject.checkpoint), folder, subject.target)
        config = finetune_config(base, subject.chosen.plan, weights)
        family = family_of(config["model"]["backbone"]["type"]) or family
        free = bool(config.get(TRAINING_FREE))
        header = _header(subject, free)
        _write(folder / "finetune.py", dump(config, header))
    _write(folder / "plan.json", subject.chosen.plan.to_json() + "\n")
    _write(folder / "latency_samples.json", _json(subject.records))
    _write(folder / "report.html", report(subject))
    _write(folder / "metafile.yml", metafile(subject, name, weights, family))
    _write(folder / "README.md", readme(subject, name, weights, free))
    _write(folder / MANIFEST, _json(manifest(subject, name, listing(folder))))


def _header(subject: Subject, free: bool) -> str:
    found = f"{subject.chosen.plan} of {subject.target}, found by search {subject.search}."
    if free:
        return f"Use {found}\nNo fine-tuning is needed; the schedule is for those who want it. See README.md."
    return f"Fine-tune {found}\nSee README.md."


def _refuse_broken(folder: Path) -> None:
    broken = failures(check(folder))
    if broken:
        lines = "; ".join(f"{one.name}: {one.detail}" for one in broken)
        raise ExportError(f"the bundle does not check out and was discarded: {lines}")


def _is_ours(folder: Path, name: str) -> bool:
    """Whether a whole bundle of the same search and plan is there; a broken or foreign one stays untouched."""
    try:
        there = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(there, dict) and there.get("name") == name and not failures(check(folder))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _json(data: object) -> str:
    try:
        return json.dumps(data, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise ExportError(f"a number of the answer is not finite ({error}); the bundle was not written") from None
