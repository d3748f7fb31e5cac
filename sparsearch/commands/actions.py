"""`cancel`, `pause`, `resume`, `stop`: for searches that a service runs."""

import json
from collections.abc import Callable
from pathlib import Path

import typer

from sparsearch import options
from sparsearch.client import Client
from sparsearch.client.records import Search
from sparsearch.command import add
from sparsearch.remote.connect import Server, TokenFile


def cancel(
    search: options.SearchId = "last",
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """End a search of a service. What it found stays; `resume` goes on from there."""
    _act(search, server, token_file, as_json, Client.cancel, "cancelled")


def pause(
    search: options.SearchId = "last",
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Free everything that a search of a service holds, until `resume`."""
    _act(search, server, token_file, as_json, Client.pause, "paused")


def resume(
    search: options.SearchId = "last",
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Go on with a paused, cancelled or failed search of a service; nothing that was finished is done again."""
    _act(search, server, token_file, as_json, Client.resume, "queued")


def stop(
    search: options.SearchId = "last",
    server: Server = None,
    token_file: TokenFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Let a search of a service finish what runs, then verify and answer with what it has found so far."""
    _act(search, server, token_file, as_json, Client.stop, "stopped")


def _act(
    search: str,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    act: Callable[[Client, str], Search],
    goal: str,
) -> None:
    from sparsearch.remote.connect import connect, named
    from sparsearch.remote.tables import as_data

    with connect(server, token_file) as client:
        found = act(client, named(client, search).id)
    if as_json:
        print(json.dumps(as_data(found)))
        return
    # the service answers at once; what runs may need seconds to end
    soon = "" if found.state == goal else f", soon {goal}"
    print(f"search {found.id}: {found.state}{soon}")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (cancel, pause, resume, stop):
        add(app, command)
