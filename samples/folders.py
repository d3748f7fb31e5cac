"""Folders that are written on demand: whole or not at all, checked against a manifest when they are used again.

A manifest, `manifest.json` in the folder, names the recipe's digest and says per split how many files of how many bytes
it has. Several processes may want the same folder at once: the first that finishes wins.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from samples.errors import SampleError

MANIFEST = "manifest.json"
Fill = Callable[[Path], Mapping[str, Mapping[str, Any]]]
"""Writes the splits into an empty folder; returns what the manifest says of each."""


def digest_of(recipe: Mapping[str, Any], layout: int) -> str:
    """12 hexadecimal digits, different for every recipe and layout.

    Args:
        recipe: what decides every byte, as JSON values.
        layout: raised whenever the same recipe would give other files.
    """
    content = json.dumps({**recipe, "format": layout}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def ensure_folder(folder: Path, digest: str, fill: Fill) -> Path:
    """The folder, written first if it is not there or not whole.

    Raises:
        SampleError: it cannot be written.
    """
    if not is_whole(folder, digest):
        write_folder(folder, digest, fill, replace=True)
    return folder


def write_folder(folder: Path, digest: str, fill: Fill, replace: bool = False) -> dict[str, Any]:
    """Write the folder; it appears whole or not at all. Returns the manifest.

    Raises:
        SampleError: the folder exists and `replace` is false, or it cannot be written.
    """
    manifest: dict[str, Any] = {"digest": digest}

    def write(empty: Path) -> None:
        manifest["splits"] = {name: dict(split) for name, split in fill(empty).items()}
        (empty / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")

    appear(folder, write, lambda there: is_whole(there, digest), replace)
    return manifest


def appear(folder: Path, write: Callable[[Path], None], whole: Callable[[Path], bool], replace: bool = False) -> None:
    """Make a folder that appears with all that is in it, or not at all.

    Args:
        folder: where.
        write: writes into an empty folder beside it.
        whole: whether a folder is what would be written; then another process was faster, and wins.
        replace: overwrite a folder that is there.
    Raises:
        SampleError: the folder exists and `replace` is false, or it cannot be written.
    """
    if folder.exists() and not replace:
        raise SampleError(f"{folder} exists; choose another folder or remove it first")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise SampleError(f"cannot write {folder}: {error}; set SPARSEARCH_HOME to a folder you may write to") from None
    try:
        write(scratch)
        scratch.chmod(0o755)
        _move(scratch, folder, whole)
    except OSError as error:
        raise SampleError(f"cannot write {folder}: {error}; free some space or set SPARSEARCH_HOME elsewhere") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def is_whole(folder: Path, digest: str) -> bool:
    """Whether the folder holds what `write_folder` wrote for this digest."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["digest"] != digest:
            return False
        return all(
            tally(folder, name) == {"files": split["files"], "bytes": split["bytes"]}
            for name, split in manifest["splits"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def tally(folder: Path, split: str) -> dict[str, int]:
    """Number and bytes of the files of a split: everything below `folder/split`, and lists named after it beside it."""
    sizes = [
        os.stat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder / split) for name in names
    ]
    sizes += [path.stat().st_size for path in sorted(folder.glob(f"{split}.*"))]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _move(scratch: Path, folder: Path, whole: Callable[[Path], bool]) -> None:
    """Put the finished folder in its place."""
    for _ in range(3):
        try:
            scratch.rename(folder)
            return
        except OSError:
            if whole(folder):
                return
            shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
