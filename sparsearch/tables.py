"""Tables on stdout: drawn in a terminal, tab-separated elsewhere, JSON on request."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], as_json: bool = False) -> None:
    """Print records, one per row; `--json` prints every field, one object per line."""
    if as_json:
        for row in rows:
            print(json.dumps(dict(row)))
        return
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(cell(row.get(column)) for column in columns))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(cell(row.get(column))) for column in columns))
    Console().print(table)


def cell(value: object) -> str:
    """One cell as text, free of tabs and line breaks."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split())
