"""Which service, with which token; and how its searches are named."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from search.errors import JobError
from sparsearch.client import Client, ClientError, Patience
from sparsearch.client.records import Search

SERVER, TOKEN, TOKEN_FILE = "SPARSEARCH_SERVER", "SPARSEARCH_TOKEN", "SPARSEARCH_TOKEN_FILE"

Server = Annotated[
    str | None,
    typer.Option(envvar=SERVER, help="Address of a service to ask instead of this machine: http://127.0.0.1:8777."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(envvar=TOKEN_FILE, help=f"File with the token of the service. Default: the variable {TOKEN}."),
]

PATIENCE = Patience(total_s=10.0)
"""A person waits at a terminal; scripts read exit code 75 and try again themselves."""


def connect(server: str | None, token_file: Path | None) -> Client:
    """A client of the service that was named.

    Raises:
        JobError: none was named, or the token file cannot be read.
        ClientError: the address is none.
    """
    if not server:
        raise JobError(f"this command asks a service: give --server http://HOST:8777, or set {SERVER}")
    return Client(server, token_of(token_file, os.environ), PATIENCE)


def token_of(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token: the first of the file, else of the variable; both may list several, as the service's own may.

    Raises:
        JobError: the file cannot be read, or holds no token.
    """
    if file is None:
        text = environment.get(TOKEN, "")
        return text.split(",")[0].strip() or None
    try:
        lines = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"cannot read --token-file {file}: {getattr(error, 'strerror', None) or error}") from None
    if not lines:
        raise JobError(f"--token-file {file} is empty; it must hold the token of the service")
    return lines[0]


def named(client: Client, name: str) -> Search:
    """The search of an id, the beginning of one, or "last".

    Raises:
        ClientError: there is none, or several begin like that.
    """
    if name == "last":
        newest = next(client.searches(page_size=1), None)
        if newest is None:
            raise ClientError(
                f"{client.url} has no searches yet; start one with: sparsearch search --server {client.url}"
            )
        return newest
    found = [one for one in client.searches(page_size=200) if one.id.startswith(name)]
    exact = [one for one in found if one.id == name]
    if len(exact or found) != 1:
        several = f"{len(found)} searches begin with {name!r}" if found else f"no search is named {name!r}"
        raise ClientError(f"{several} in {client.url}; see: sparsearch list --server {client.url}")
    return (exact or found)[0]
