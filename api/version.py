"""The version of SparSearch, and the versions of libraries below which it does not run."""

from importlib import metadata

API = "v1"
"""The first part of every path of the API."""


def version() -> str:
    """The version of this installation; "unknown" when run from a tree that was never installed."""
    return installed("sparsearch") or "unknown"


def installed(package: str) -> str | None:
    """The version of a package, read from its metadata without importing it; None: not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
