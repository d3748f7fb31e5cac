"""`sparsearch serve`: the HTTP service with its pages, in the foreground, until Ctrl-C or SIGTERM."""

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from sparsearch.command import add

_EXAMPLES = """
Examples:

    sparsearch serve                                (this machine, no token)

    sparsearch serve --port 0 --open-browser        (any free port)

    sparsearch serve --host 0.0.0.0 --token-file token.txt

    sparsearch serve --database postgresql://sparsearch@db/sparsearch

A first search, from another shell (or open the address in a browser):

    sparsearch search --server http://127.0.0.1:8777 --target synthetic-swin-t --max-ms 35

Every option is also a variable (SPARSEARCH_PORT, SPARSEARCH_TOKEN, ...) and a line of service.toml in the state home.
Searches that were running when the service went down go on when it is started again.
"""


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1. Any other needs a token.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0: any free one. Default: 8777.")] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql://USER@HOST/NAME. Default: the SQLite file of the state home.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with one token per line; clients send one of them.")
    ] = None,
    allowed_hosts: Annotated[
        str | None, typer.Option(help="Names that clients use for this machine, separated by commas.")
    ] = None,
    queue_cap: Annotated[int | None, typer.Option(help="Searches that may wait. Default: 100.")] = None,
    running: Annotated[int | None, typer.Option(help="Searches that may run at once. Default: 1.")] = None,
    log_format: Annotated[
        str | None, typer.Option(help="json or pretty. Default: pretty in a terminal, else json.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open-browser", help="Show the page once it is ready.")] = False,
) -> int:
    """Serve the HTTP API and its pages; searches run here, one after the other, and survive a restart."""
    from api.server import run
    from api.settings import load

    settings = load(
        {
            "host": host,
            "port": port,
            "database": database,
            "token_file": token_file,
            "allowed_hosts": allowed_hosts,
            "queue_cap": queue_cap,
            "running": running,
            "log_format": log_format or ("pretty" if sys.stderr.isatty() else None),
        }
    )

    def ready(address: str) -> None:
        _announce(address, needs_token=bool(settings.tokens()))
        if open_browser:
            webbrowser.open(address)

    return run(settings, ready)


def _announce(address: str, *, needs_token: bool) -> None:
    facts = [f"SparSearch is ready at {address}"]
    facts += ["clients need a token"] if needs_token else []
    facts += ["stop it with Ctrl-C"]
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(f"[bold]{facts[0]}[/bold]", *facts[1:], sep="\n  ", highlight=True)
        return
    print("\n".join(facts), flush=True)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, serve, epilog=_EXAMPLES)
