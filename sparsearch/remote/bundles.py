"""`export --server`: the bundle of a point, downloaded, checked as by a receiver, and only then put in its place."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.errors import ExportError
from sparsearch.client import Client
from sparsearch.client.records import Front


def export(client: Client, id: str, plan: Plan | None, output: Path | None) -> dict[str, Any]:
    """Fetch a bundle.

    Args:
        client: of the service.
        id: of the search.
        plan: a plan of the front; None: the answer.
        output: the folder to make; None: one of the bundle's own name in the current folder.
    Returns:
        path (the folder), zip (beside it), point, plan.
    Raises:
        ExportError: there is no such plan, the bundle does not check out, or it cannot be written. Nothing is left.
    """
    from search.export.checks import Check, failures
    from search.export.files import appearing_folder
    from search.export.verify import Wanted, opened, verify

    point, chosen = _point(client.front(id), plan)
    parent = Path.cwd() if output is None else output.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".part-export-", dir=parent))
    except OSError as error:
        raise ExportError(f"cannot write in {parent}: {error.strerror}; choose another --output") from None

    def tell(item: Check) -> None:
        word = {True: "pass", False: "FAIL", None: "n/a"}[item.passed]
        print(f"{word:5} {item.name:9} {item.detail}", file=sys.stderr, flush=True)

    try:
        packed = client.download(id, point, to=scratch)
        folder = parent / packed.stem if output is None else output.absolute()
        if failed := failures(verify(packed, Wanted(latency=False, accuracy=False), tell)):
            raise ExportError(f"the bundle that {client.url} sent does not check out: {failed[0].name}")
        with opened(packed) as unpacked, appearing_folder(folder) as made:
            for file in sorted(unpacked.iterdir()):
                shutil.copyfile(file, made / file.name)
        beside = folder.with_name(f"{folder.name}.zip")
        os.replace(packed, beside)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {"path": str(folder), "zip": str(beside), "point": point, "plan": dict(chosen)}


def _point(front: Front, plan: Plan | None) -> tuple[str, Plan]:
    """Id and plan of what to export."""
    if plan is None:
        found = None if front.chosen is None else front.point(front.chosen)
        if found is None:
            raise ExportError(
                f"search {front.search} has no answer; see: sparsearch front {front.search}, "
                "and name one of its plans with --plan"
            )
        return found.id, Plan.of(found.plan)
    for one in front.points:
        if Plan.of(one.plan) == plan:
            return one.id, plan
    raise ExportError(f"plan {plan} is not on the front of search {front.search}; see: sparsearch front {front.search}")
