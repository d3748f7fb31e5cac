"""What must be true of a bundle, item by item. The writer publishes, and a receiver trusts, nothing else."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.plan import Plan
from models.space import Space
from search.errors import ExportError
from search.export.files import listing, listing_digest
from search.export.literals import BESIDE, dump, parse
from search.export.provenance import SCHEMA

CONFIG = "finetune.py"


@dataclass(frozen=True, slots=True)
class Check:
    """One item.

    Args:
        name: what was checked.
        passed: None where it could not be checked, which `detail` explains.
        detail: one line.
    """

    name: str
    passed: bool | None
    detail: str


def failures(checks: Iterable[Check]) -> list[Check]:
    """The items that failed."""
    return [one for one in checks if one.passed is False]


def check(folder: Path) -> list[Check]:
    """Check a bundle folder; later items are left out once one they build on failed."""
    try:
        manifest = _manifest(folder)
    except ExportError as error:
        return [Check("manifest", False, str(error))]
    items = [Check("manifest", True, f"{SCHEMA}, bundle {manifest['name']}")]
    items.append(_item("digests", lambda: _digests(folder, manifest)))
    items.append(_item("plan", lambda: _plan(folder, manifest)))
    if manifest["target"]["kind"] == "synthetic":
        return [*items, Check("model", None, "simulated target: it has no config and no weights")]
    items.append(_item("config", lambda: _config(folder, manifest)))
    if not failures(items):  # nothing of a doubtful bundle is given to mmcv, which would run it
        items.append(_item("mmcv", lambda: _same_for_mmcv(folder)))
        items.append(_item("model", lambda: _model(folder, manifest)))
    return items


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle folder.

    Raises:
        ExportError: it is missing, torn, or of an unknown schema.
    """
    return _manifest(folder)


def _item(name: str, run: Callable[[], str]) -> Check:
    try:
        return Check(name, True, run())
    except (ExportError, ModelError) as error:
        return Check(name, False, str(error))
    except (OSError, KeyError, TypeError, ValueError) as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read ({error}); this is no bundle, or a damaged one") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise ExportError(f"{path} has schema {found!r}; this version reads {SCHEMA}")
    wanted = {"name": str, "plan": dict, "files": dict, "target": dict, "job": dict, "bundle_sha256": str}
    for field, kind in wanted.items():
        if not isinstance(data.get(field), kind):
            raise ExportError(f"{path}: field {field!r} is missing or malformed")
    return data


def _digests(folder: Path, manifest: dict[str, Any]) -> str:
    found = listing(folder, frozenset({"manifest.json"}))
    stated = manifest["files"]
    changed = sorted(name for name in found.keys() | stated.keys() if found.get(name) != stated.get(name))
    if changed:
        raise ExportError(f"files differ from the manifest: {', '.join(changed)}")
    if listing_digest(found) != manifest["bundle_sha256"]:
        raise ExportError("bundle_sha256 of the manifest is not the digest of its file list")
    return f"{len(found)} files, sha256 {manifest['bundle_sha256'][:12]}"


def _plan(folder: Path, manifest: dict[str, Any]) -> str:
    plan = Plan.from_json((folder / "plan.json").read_text(encoding="utf-8"))
    if plan != Plan.of(manifest["plan"]):
        raise ExportError(f"plan.json has {plan}, the manifest {Plan.of(manifest['plan'])}")
    Space.from_json(json.dumps(manifest["space"])).plan(plan)
    return str(plan)


def _config(folder: Path, manifest: dict[str, Any]) -> str:
    config = parse((folder / CONFIG).read_text(encoding="utf-8"))
    dump(config)  # refuses what a reader of literals lets pass, such as `_base_` or templates in strings
    backbone = Plan.of(config["model"]["backbone"]["plan"])
    if backbone != Plan.of(manifest["plan"]):
        raise ExportError(f"{CONFIG} has the plan {backbone}, the manifest {Plan.of(manifest['plan'])}")
    if "sparsearch" not in config["custom_imports"]["imports"]:
        raise ExportError(f"{CONFIG} does not import sparsearch, so mmdet would not know the backbone")
    load_from = config["load_from"]
    if not load_from.startswith(BESIDE) or not (folder / load_from.removeprefix(BESIDE)).is_file():
        raise ExportError(f"load_from={load_from!r} names no file of the bundle")
    return f"{len(config)} assignments, all literals"


def _same_for_mmcv(folder: Path) -> str:
    from search.export.model import read_config

    text = (folder / CONFIG).read_text(encoding="utf-8").replace(BESIDE, f"{folder.absolute()}/")
    if read_config(folder / CONFIG) != parse(text):
        raise ExportError(f"mmcv reads {CONFIG} differently than it is written")
    return "mmcv reads the same values"


def _model(folder: Path, manifest: dict[str, Any]) -> str:
    from search.export.model import strict_load

    config = parse((folder / CONFIG).read_text(encoding="utf-8"))
    plan = strict_load(folder / CONFIG, folder / config["load_from"].removeprefix(BESIDE))
    if Plan.of(plan) != Plan.of(manifest["plan"]):
        raise ExportError(f"the built backbone runs {Plan.of(plan)}, the manifest says {Plan.of(manifest['plan'])}")
    return "builds, weights load strictly, the backbone has the plan"
