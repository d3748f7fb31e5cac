"""Where built-in data sets are written on this machine."""

import os
from pathlib import Path


def data_root() -> Path:
    """`$SPARSEARCH_HOME/data`, else `$XDG_CACHE_HOME/sparsearch/data`, else `~/.cache/sparsearch/data`."""
    if chosen := os.environ.get("SPARSEARCH_HOME"):
        return Path(chosen).expanduser().resolve() / "data"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "sparsearch" / "data"
