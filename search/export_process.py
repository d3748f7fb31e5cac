"""The process that writes one bundle: `python -m search.export_process`, so that the service never imports mmdet.

In: one line of JSON on stdin {store, home, search, plan, parent}, which then stays open.
Out: one line of JSON on stdout, {"written": data of an `export` event} or {"refused": why}.
It ends with its parent, as a runner does; killed anywhere, it leaves no half-written bundle (`search.export.files`).
"""

import json
import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.plan import Plan
from search.errors import ExportError, SearchError
from search.home import Home
from search.runner import PARENT_GONE, die_with, own_stdout
from search.targets import find

COMMAND: tuple[str, ...] = (sys.executable, "-m", "search.export_process")


def main() -> int:
    """Write the bundle that stdin asks for; exit status 0 once an answer was written."""
    out = own_stdout()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return PARENT_GONE
    request = json.loads(line)
    die_with(request["parent"])
    try:
        answer: dict[str, Any] = {"written": write(request)}
    except (SearchError, ModelError) as error:
        answer = {"refused": str(error)}
    except Exception as error:
        traceback.print_exc()
        answer = {"refused": f"unexpected {type(error).__name__}: {error}"}
    try:
        out.write(json.dumps(answer) + "\n")
        out.flush()
    except BrokenPipeError:
        return PARENT_GONE
    return 0


def write(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write a bundle below the home, or find it there.

    Args:
        request: store (a path or URL), home, search, plan (None: the chosen one).
    Returns:
        The data of an `export` event.
    Raises:
        ExportError: the search has no answer, the plan is not on its front, the target has changed, or what was
            written does not check out.
    """
    from search.exporting import export
    from search.store.store import Store

    home = Home(Path(request["home"]))
    location = request["store"] if "://" in request["store"] else Path(request["store"])
    with Store.read(location) as store:
        row = store.exact(request["search"])
        events = store.events(row.id)
    if row.answer is None:
        raise ExportError(f"search {row.id} is {row.state} and has no answer to export yet")
    target = find(row.job.target, home)
    if target.digest() != row.target_digest:
        raise ExportError(f"target {target.name} has other files than when search {row.id} ran; restore them")
    steps = {event.key: event.data for event in events if event.key is not None}
    plan = None if request["plan"] is None else Plan.of(request["plan"])
    # wherever the search itself was told to write, this one goes below the home
    return export(replace(row.job, output=None), target, row.answer, steps, home.bundles, plan, row.updated_at)


if __name__ == "__main__":
    sys.exit(main())
