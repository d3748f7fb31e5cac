"""Adding a command: typer parses its options, `guarded` turns its errors into a message and an exit code."""

import functools
from collections.abc import Callable
from typing import Any

import typer

from sparsearch.failures import guarded


def add(app: typer.Typer, run: Callable[..., int | None], name: str | None = None, **settings: Any) -> None:
    """Add a function that returns its exit code (None: 0) as a command; its docstring is the help."""

    @functools.wraps(run)
    def command(*args: Any, **options: Any) -> None:
        raise typer.Exit(guarded(lambda: run(*args, **options)))

    app.command(name or run.__name__.replace("_", "-"), **settings)(command)
