"""`sparsearch search`: run a search, or go on with one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from search.budget import Budget
from search.errors import JobError
from search.home import Home
from search.records import Job
from search.targets import find
from sparsearch import options
from sparsearch.command import add
from sparsearch.remote.connect import Server, TokenFile, connect, named
from sparsearch.views import view_of
from sparsearch.views.ending import Ending

_EXAMPLES = """
Examples:

    sparsearch search --target digits-sparsevit --max-ms 12 --workers 2

    sparsearch search --target mine --max-ms 35 --device cuda:0 --batch 4 --dtype float16

    sparsearch search --target synthetic-swin-t --max-ms 35 --evaluations 200     (simulated, seconds)

    sparsearch search --resume last                                               (nothing finished is repeated)

    sparsearch search --target mine --max-ms 35 --server http://gpu-host:8777   (Ctrl-C stops watching)
"""


def search(
    target: Annotated[str | None, typer.Option(help="What to search; see `sparsearch target list`.")] = None,
    max_ms: Annotated[float | None, typer.Option(help="The budget: a plan must not take longer, in ms.")] = None,
    min_ms: Annotated[float | None, typer.Option(help="A plan shall not be faster either, in ms.")] = None,
    stat: Annotated[str, typer.Option(help="What the budget is on: median, p90, p95 or p99.")] = "median",
    sampler: Annotated[
        str,
        typer.Option(help="evolution, evolution-published, tpe, nsga2, gp, random or exhaustive."),
    ] = "evolution",
    evaluations: Annotated[int, typer.Option(help="Plans whose accuracy may be evaluated.")] = 64,
    images: Annotated[int | None, typer.Option(help="Images per evaluation. Default: all.")] = None,
    workers: Annotated[int, typer.Option(help="Evaluating processes; more than one run on Ray.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: options.Device = None,
    batch: options.Batch = None,
    img_size: options.ImageSize = None,
    scope: options.Scope = None,
    dtype: options.DType = "float32",
    runtime: options.Runtime = "eager",
    threads: options.Threads = None,
    latency_model: Annotated[
        Path | None, typer.Option(help="A stored latency model (JSON) of the same device.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the bundle. Default: below the state home.")] = None,
    resume: Annotated[str | None, typer.Option(help="Go on with this search instead (`last`: the newest).")] = None,
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> int:
    """Find the plan with the best accuracy inside a latency budget: measured, verified, exported."""
    from search.coordinator import Coordinator
    from search.store.store import Store

    home = Home.default()
    if resume is not None and (target is not None or max_ms is not None):
        raise JobError("--resume goes on with a stored request; leave --target and --max-ms out")
    if resume is None and (target is None or max_ms is None):
        raise JobError("a search needs --target and --max-ms (or --resume); see: sparsearch target list")
    if server:
        if latency_model is not None or output is not None:
            raise JobError("--latency-model and --output are for searches here; leave them out with --server")
        size = None if img_size is None else options.size_of(img_size)
        asked = {"scope": scope, "batch": batch, "img_size": size, "device": device, "threads": threads}
        return _in_service(
            server,
            token_file,
            as_json,
            resume,
            target,
            max_ms,
            min_ms=min_ms,
            stat=stat,
            setting={**_given(asked), "dtype": dtype, "runtime": runtime},
            effort=_given({"evaluations": evaluations, "images": images, "workers": workers}),
            sampler=sampler,
            seed=seed,
        )
    job = None
    if target is not None and max_ms is not None:
        # the budget first: a wrong number should not wait for anything
        budget = Budget(max_ms, min_ms, _statistic(stat))
        about = find(target, home)
        job = Job(
            target=target,
            budget=budget,
            setting=options.setting_of(about, device, batch, img_size, scope, dtype, runtime, threads),
            sampler=sampler,
            seed=seed,
            evaluations=evaluations,
            workers=workers,
            pool="ray" if workers > 1 else "serial",
            metric=about.metric,
            images=images,
            latency_model=None if latency_model is None else read_model(latency_model),
            output=None if output is None else str(output.absolute()),
        )
    with Store.open(home.database) as store:
        coordinator = Coordinator(store, home)
        known = job if job is not None else store.search(str(resume)).job
        with view_of(known, as_json) as view:
            outcome = coordinator.run(job, view.show) if job is not None else coordinator.resume(str(resume), view.show)
            view.conclude(Ending.of(outcome))
    return outcome.exit_code


def _in_service(
    server: str,
    token_file: Path | None,
    as_json: bool,
    resume: str | None,
    target: str | None,
    max_ms: float | None,
    **request: Any,
) -> int:
    from sparsearch.remote.watching import follow

    with connect(server, token_file) as client:
        if resume is not None:
            found = client.resume(named(client, resume).id)
        else:
            assert target is not None and max_ms is not None
            Budget(max_ms, request["min_ms"])  # JSON has no NaN to send
            found = client.search(target, max_ms, **request)
        if not as_json:
            print(f"search {found.id} in {client.url}: {found.state}", flush=True)
        return follow(client, found, as_json)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def read_model(path: Path) -> dict[str, Any]:
    """A stored latency model.

    Raises:
        JobError: it cannot be read.
    """
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JobError(f"--latency-model {path}: {error}; give the JSON file of a stored model") from None
    if not isinstance(model, dict):
        raise JobError(f"--latency-model {path} must hold a JSON object")
    return model


def _statistic(name: str) -> Any:
    return name  # Budget checks it


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, search, epilog=_EXAMPLES)
