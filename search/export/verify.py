"""Verifying a bundle as its receiver: the writer's checks, then latency and accuracy measured again."""

import contextlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latency.errors import LatencyError
from latency.record import Measurement
from models.errors import ModelError
from models.plan import Plan
from search.errors import ExportError, SearchError
from search.export.checks import CONFIG, Check, check, failures, read_manifest
from search.export.literals import BESIDE, parse
from search.records import Failure, Job
from search.rig import Rig, Scale, set_up
from search.targets import Target

_MEMBER = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_BYTES = 8 << 30
TOLERANCE = 0.2
"""Difference in the metric (0..100) that other versions of libraries may make."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to verify beyond the files.

    Args:
        latency: measure again.
        accuracy: evaluate again, where the data are at hand.
        device: None: the device of the bundle.
        images: images to evaluate; None: as many as the bundle did.
    """

    latency: bool = True
    accuracy: bool = True
    device: str | None = None
    images: int | None = None


def verify(bundle: Path, wanted: Wanted, tell: Callable[[Check], None] = lambda item: None) -> list[Check]:
    """Every item of a bundle, a folder or a zip; `tell` hears of each as it is done.

    Raises:
        ExportError: there is no bundle.
    """
    items: list[Check] = []

    def add(item: Check) -> None:
        items.append(item)
        tell(item)

    with opened(bundle) as folder:
        for item in check(folder):
            add(item)
        if not failures(items):
            for name, run, asked in (
                ("latency", _latency, wanted.latency),
                ("accuracy", _accuracy, wanted.accuracy),
            ):
                add(_item(name, run, folder, wanted) if asked else Check(name, None, "not asked for"))
    return items


@contextlib.contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """The folder of a bundle; a zip is unpacked for as long as the block runs.

    Raises:
        ExportError: no such file, or a zip that no writer of ours has made.
    """
    if bundle.is_dir():
        yield bundle
        return
    if not bundle.is_file():
        raise ExportError(f"{bundle} does not exist; give the folder or the zip of a bundle")
    scratch = Path(tempfile.mkdtemp(prefix="sparsearch-verify-"))
    try:
        yield _unpack(bundle, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _unpack(bundle: Path, scratch: Path) -> Path:
    """Members are read by name, never extracted by path: flat, regular, of a sane size."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            members = archive.infolist()
            tops = {member.filename.partition("/")[0] for member in members}
            odd = [member.filename for member in members if not _MEMBER.fullmatch(member.filename)]
            links = [member.filename for member in members if (member.external_attr >> 16) & 0o170000 == 0o120000]
            if odd or links or len(tops) != 1 or sum(member.file_size for member in members) > _MOST_BYTES:
                raise ExportError(f"{bundle} is no bundle: it holds {(odd or links or sorted(tops))[:3]}")
            for member in members:
                with archive.open(member) as source, (scratch / member.filename.partition("/")[2]).open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ExportError(f"{bundle} is no zip, or a damaged one: {error}") from None
    return scratch


def _item(name: str, run: Callable[[Path, dict[str, Any], Wanted], Check], folder: Path, wanted: Wanted) -> Check:
    try:
        return run(folder, read_manifest(folder), wanted)
    except (SearchError, ModelError, LatencyError) as error:
        return Check(name, None, f"could not be checked here: {error}")


def _rig(folder: Path, manifest: dict[str, Any], wanted: Wanted) -> tuple[Job, Rig]:
    """The bundle itself as the target of a job."""
    job = Job.from_dict(manifest["job"])
    setting = replace(job.setting, device=wanted.device or job.setting.device)
    images = job.images if wanted.images is None else wanted.images
    job = replace(job, setting=setting, images=images, workers=1, pool="serial", output=None, latency_model=None)
    stated = manifest["target"]
    if stated["kind"] == "synthetic":
        return job, set_up(job, Target(name=stated["name"], kind="synthetic"))
    weights = parse((folder / CONFIG).read_text(encoding="utf-8"))["load_from"].removeprefix(BESIDE)
    target = Target(
        name=stated["name"],
        kind=stated["kind"],
        config=(folder / CONFIG).absolute(),
        checkpoint=(folder / weights).absolute(),
    )
    return job, set_up(job, target)


def _latency(folder: Path, manifest: dict[str, Any], wanted: Wanted) -> Check:
    job, rig = _rig(folder, manifest, wanted)
    try:
        plans = [rig.space.dense, rig.space.plan(manifest["plan"])]
        same = rig.device_key == manifest["device"]["key"]
        # a whole session may be slower or faster than usual; what one device took in the long run is in the bundle
        scale = _recorded(folder) if same else None
        dense, chosen = rig.measure(plans, "verify-bundle", True, scale, lambda done: None)
    finally:
        rig.close()
    return judge_latency(dense, chosen, manifest, job, same)


def _recorded(folder: Path) -> Scale | None:
    records = json.loads((folder / "latency_samples.json").read_text(encoding="utf-8"))
    return Scale.of(Measurement.from_dict(records["chosen"])) if "chosen" in records else None


def judge_latency(dense: Measurement, chosen: Measurement, manifest: dict[str, Any], job: Job, same: bool) -> Check:
    """Failed only when the budget is surely exceeded on the device it was given for; elsewhere it says nothing."""
    low, high = chosen.interval_ms
    ratio, stated = chosen.median_ms / dense.median_ms, manifest["latency"]["ratio_to_dense"]
    now = (
        f"{chosen.median_ms:.4g} ms (95 % interval {low:.4g} to {high:.4g}, {chosen.samples} samples) for a budget of "
        f"{job.budget.max_ms:g} ms; {ratio:.3f} of dense (the bundle says {stated:.3f})"
    )
    if not same:
        return Check("latency", None, f"another device or setting than the bundle's: {now}")
    return Check("latency", chosen.probability_within(job.budget.max_ms) >= job.alpha, now)


def _accuracy(folder: Path, manifest: dict[str, Any], wanted: Wanted) -> Check:
    stated = manifest["accuracy"]["confirm"]
    split = stated["split"] if stated else "search"
    expected = stated or manifest["accuracy"]["search"]
    job, rig = _rig(folder, manifest, wanted)
    try:
        plan = rig.space.canonical(rig.space.plan(manifest["plan"]))
        found = next(iter(rig.pool().evaluate([Plan.of(plan)], split)))
        if isinstance(found, Failure):
            return Check("accuracy", False, f"the plan could not be evaluated: {found.reason}")
    finally:
        rig.close()
    now, then = found.metrics[job.metric], expected["chosen"][job.metric]
    words = f"{job.metric} {now:.2f} on {found.images} images of {split}; the bundle says {then:.2f}"
    if found.images != expected["images"]:
        return Check("accuracy", None, f"{words} on {expected['images']}")
    return Check("accuracy", abs(now - then) <= TOLERANCE, words)
