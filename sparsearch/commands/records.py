"""`list`, `show`, `front`, `watch`: what is stored of searches. They only read, and never disturb a running one."""

import itertools
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from search.home import Home
from search.records import TERMINAL
from sparsearch import options
from sparsearch.command import add
from sparsearch.remote.connect import Server, TokenFile, connect, named
from sparsearch.tables import show as show_table

_COLUMNS = ("id", "state", "target", "budget", "device", "sampler", "seed", "created", "message")
_POLL_S = 0.5


def list_searches(
    target: Annotated[str | None, typer.Option(help="Only searches of this target.")] = None,
    state: Annotated[str | None, typer.Option(help="Only searches in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Searches, newest first."""
    if server:
        from sparsearch.remote import tables

        with connect(server, token_file) as client:
            found = client.searches(state=state, target=target, page_size=min(limit, 200))
            told = [tables.row(one) for one in itertools.islice(found, limit)]
        show_table(told, _COLUMNS, as_json)
        return
    with _store() as store:
        rows = [_row(row) for row in store.searches(target=target, state=state, limit=limit)]
    show_table(rows, _COLUMNS, as_json)


def show(
    search: options.SearchId = "last",
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """One search: the request, the answer, its bundles."""
    from sparsearch.views.conclusion import conclusion
    from sparsearch.views.ending import Ending

    if server:
        from sparsearch.remote import tables

        with connect(server, token_file) as client:
            found = named(client, search)
            print(json.dumps(tables.as_data(found)) if as_json else tables.in_words(client, found))
        return
    with _store() as store:
        row = store.search(search)
        exports = store.exports(row.id)
    if as_json:
        answer = None if row.answer is None else row.answer.to_dict()
        print(
            json.dumps({**_row(row), "job": row.job.to_dict(), "answer": answer, "exports": [dict(e) for e in exports]})
        )
        return
    job = row.job
    print(f"target {job.target}, {job.budget}, sampler {job.sampler}, seed {job.seed}, {job.evaluations} evaluations")
    print(f"timed: {job.setting}")
    print(f"created {row.created_at}, updated {row.updated_at}, runner started {row.attempts} times")
    print(conclusion(Ending.of(row.outcome), job))
    for export in exports:
        print(f"  exported   {export['path']}")


def front(
    search: options.SearchId = "last",
    table: Annotated[str, typer.Option(help="front, trials (every evaluation) or measurements.")] = "front",
    max_ms: Annotated[float | None, typer.Option(help="Only plans within another budget, in ms.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the table to this .csv or .parquet file instead.")] = None,
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """The trade-off a search found: accuracy against latency, fastest first.

    Examples: `sparsearch front last`, `sparsearch front last --max-ms 30`, `sparsearch front last --output front.csv`.
    """
    from search.budget import Budget
    from search.errors import JobError
    from search.tables import TABLES, write

    if table not in TABLES:
        raise JobError(f"--table {table!r} is unknown; choose one of {', '.join(TABLES)}")
    if server:
        rows = _told_rows(server, token_file, search, table, max_ms)
        if output is not None:
            import pandas as pd

            print(write(pd.DataFrame(rows), output))
            return
        show_table(rows, list(dict.fromkeys(name for row in rows for name in row)), as_json)
        return
    with _store() as store:
        frame = TABLES[table](store, store.search(search).id)
    if max_ms is not None:
        budget = Budget(max_ms)
        column = "high_ms" if "high_ms" in frame.columns else "latency_ms"
        frame = frame[frame[column] <= budget.max_ms]
    if output is not None:
        print(write(frame, output))
        return
    rows = json.loads(frame.to_json(orient="records"))
    show_table(rows, list(frame.columns), as_json)


def watch(
    search: options.SearchId = "last",
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> int:
    """Follow a running search from here; ends when it ends, with its exit code. Ctrl-C only stops watching."""
    from sparsearch.views import view_of
    from sparsearch.views.ending import Ending

    if server:
        from sparsearch.remote.watching import follow

        with connect(server, token_file) as client:
            return follow(client, named(client, search), as_json)
    with _store() as store:
        row = store.search(search)
    seen = 0
    with view_of(row.job, as_json) as view:
        while True:
            with _store() as store:
                row = store.search(row.id)  # before the events, so that none is missed at the end
                events = store.events(row.id, after=seen)
            for event in events:
                view.show(event)
                seen = event.seq
            if row.state in TERMINAL:
                view.conclude(Ending.of(row.outcome))
                return int(row.outcome.exit_code)
            time.sleep(_POLL_S)


def _told_rows(
    server: str, token_file: Path | None, search: str, table: str, max_ms: float | None
) -> list[dict[str, Any]]:
    from sparsearch.remote import tables

    with connect(server, token_file) as client:
        return tables.front(client, named(client, search).id, table, max_ms)


def _store() -> Any:
    from search.store.store import Store

    return Store.read(Home.default().database)


def _row(row: Any) -> dict[str, Any]:
    job = row.job
    return {
        "id": row.id,
        "state": row.state,
        "target": job.target,
        "budget": str(job.budget),
        "device": job.setting.device,
        "sampler": job.sampler,
        "seed": job.seed,
        "created": row.created_at,
        "message": row.message,
    }


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, list_searches, "list")
    add(app, show)
    add(app, front)
    add(app, watch)
