"""What a search leaves on disk beside the store, and removing it."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from search.home import Home


def remove_files(home: Home, search_id: str, exports: Iterable[Mapping[str, Any]]) -> None:
    """Remove the logs and bundles of a deleted search; what lies elsewhere (`--output`) is the user's.

    Args:
        home: the state home.
        search_id: the search.
        exports: data of its `export` events.
    """
    shutil.rmtree(home.run(search_id), ignore_errors=True)
    bundles = home.bundles.resolve()
    for export in exports:
        folder, packed = Path(export["path"]), Path(export["zip"])
        if folder.resolve().is_relative_to(bundles):
            shutil.rmtree(folder, ignore_errors=True)
        if packed.resolve().is_relative_to(bundles):
            packed.unlink(missing_ok=True)
