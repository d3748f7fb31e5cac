"""`export` and `verify`: bundles, from both sides."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from models.plan import Plan
from search.errors import ExportError, StoreError
from search.home import Home
from search.records import Event
from search.targets import find
from sparsearch import options
from sparsearch.command import add
from sparsearch.failures import FAILED, OK
from sparsearch.remote.connect import Server, TokenFile, connect, named


def export(
    search: options.SearchId = "last",
    plan: Annotated[str | None, typer.Option(help="Another plan of the front, as JSON. Default: the answer.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: below the state home; with --server: here.")
    ] = None,
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the bundle of a finished search: fine-tune config, weights, manifest, report, zip.

    It is read back, rebuilt and loaded strictly before it appears; a half-written one never does.

    Example: `sparsearch export last --output ./answer`, then `sparsearch train ./answer/finetune.py`.
    """
    if server:
        from sparsearch.remote.bundles import export as fetch

        with connect(server, token_file) as client:
            wanted = None if plan is None else Plan.from_json(plan)
            fetched = fetch(client, named(client, search).id, wanted, output)
        print(json.dumps(fetched) if as_json else f"{fetched['path']}\n{fetched['zip']}")
        return
    from search.exporting import export as write
    from search.store.store import Store

    home = Home.default()
    with Store.read(home.database) as store:
        row = store.search(search)
        events = store.events(row.id)
    if row.answer is None:
        raise ExportError(f"search {row.id} is {row.state} and has no answer yet; see: sparsearch show {row.id}")
    target = find(row.job.target, home)
    if target.digest() != row.target_digest:
        raise ExportError(f"target {target.name} has other files than when search {row.id} ran; restore them")
    steps = {event.key: event.data for event in events if event.key is not None}
    job = replace(row.job, output=None if output is None else str(output.absolute()))
    wanted = None if plan is None else Plan.from_json(plan)
    written = write(job, target, row.answer, steps, home.bundles, wanted, row.updated_at)
    try:
        with Store.open(home.database) as store:
            store.append(row.id, [Event("export", written, f"export:{written['path']}")])
    except StoreError:
        pass  # another search is running; the bundle is whole without its row
    print(json.dumps(written) if as_json else f"{written['path']}\n{written['zip']}")


def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle: its folder or its zip.")],
    latency: Annotated[bool, typer.Option(help="Measure latency again.")] = True,
    accuracy: Annotated[bool, typer.Option(help="Evaluate accuracy again, where the data are at hand.")] = True,
    device: Annotated[str | None, typer.Option(help="Where to measure. Default: the device of the bundle.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Images to evaluate. Default: as many as before.")] = None,
    as_json: options.AsJson = False,
) -> int:
    """Check a bundle: digests, config as data, model, strict load, latency against dense, accuracy.

    Exit code 0 when nothing failed; items that cannot be checked here are named and do not fail.
    """
    from search.export.checks import Check, failures
    from search.export.verify import Wanted
    from search.export.verify import verify as check

    def tell(item: Check) -> None:
        if as_json:
            print(json.dumps({"item": item.name, "passed": item.passed, "detail": item.detail}), flush=True)
        else:
            word = {True: "pass", False: "FAIL", None: "n/a"}[item.passed]
            print(f"{word:5} {item.name:9} {item.detail}", flush=True)

    items = check(bundle, Wanted(latency, accuracy, device, images), tell)
    return FAILED if failures(items) else OK


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, export)
    add(app, verify)
