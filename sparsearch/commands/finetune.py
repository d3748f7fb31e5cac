"""`sparsearch finetune`: train the finalists of a search side by side, report the best after fine-tuning."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from search.errors import ExportError
from search.home import Home
from search.targets import find
from sparsearch import options
from sparsearch.command import add
from sparsearch.commands.training import parse_overrides
from sparsearch.tables import show


def finetune(
    search: options.SearchId = "last",
    top: Annotated[int, typer.Option(min=1, help="How many plans of the front to train.")] = 3,
    workers: Annotated[int | None, typer.Option(min=1, help="Trainings at a time. Default: one per GPU, or 1.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs. Default: the schedule of the bundle.")] = None,
    grace: Annotated[int, typer.Option(min=1, help="Epochs before a training may be stopped early.")] = 1,
    cfg_options: Annotated[
        list[str] | None,
        typer.Option("--cfg-options", help="Override a field of the config, as KEY=VALUE; repeatable."),
    ] = None,
    work_dir: Annotated[Path | None, typer.Option(help="Where runs are kept; run again there to resume.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Fine-tune the best plans within the budget side by side (Ray Tune, ASHA), resumable; before beside after.

    Killed? The same command goes on from the last epoch of every training.
    """
    from search.finetune import Options, finalists, run
    from search.store.store import Store

    home = Home.default()
    with Store.read(home.database) as store:
        row = store.search(search)
        steps = {event.key: event.data for event in store.events(row.id) if event.key is not None}
    if row.answer is None:
        raise ExportError(
            f"search {row.id} is {row.state} and has no answer to fine-tune; see: sparsearch show {row.id}"
        )
    target = find(row.job.target, home)
    folder = work_dir or home.run(row.id) / "finetune"
    chosen = finalists(row.job, target, row.answer, steps, row.updated_at, top, folder / "bundles")
    overrides = parse_overrides(cfg_options) if cfg_options else {}
    print(f"training {len(chosen)} plans; a line per epoch here, losses in {folder}/*/train.log", file=sys.stderr)
    result = run(chosen, folder, row.job.metric, Options(workers, epochs, grace, overrides))
    if as_json:
        print(json.dumps([one.to_dict() for one in result]))
        return
    show(
        [one.to_dict() | {"plan": str(one.plan)} for one in result],
        ("plan", "latency_ms", "before", "after", "epochs", "state", "checkpoint"),
    )
    for one in result:
        if one.reason:
            print(f"failed: {one.plan}: {one.reason}", file=sys.stderr)
    best = result[0]
    change = f"{best.before or 0:.2f} -> {best.after or 0:.2f}"
    print(f"best after fine-tuning: {best.plan}, {row.job.metric} {change}: {best.checkpoint}")
    if best.before is not None and best.after is not None and best.after < best.before:
        print("training did not help this plan: train longer, or keep the weights of its bundle")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, finetune)
