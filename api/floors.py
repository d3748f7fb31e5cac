"""Versions of libraries below which known holes are open: too old a web server is refused, others are warned about."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import structlog

from api.settings import SettingsError
from api.version import installed

_LOG = structlog.get_logger("sparsearch.floors")

REFUSED: Mapping[str, str] = MappingProxyType({"starlette": "0.49.1"})
"""CVE-2025-62727: the Range header."""

WARNED: Mapping[str, str] = MappingProxyType({"torch": "2.10", "ray": "2.59"})
"""CVE-2026-24747: loading weights; CVE-2026-27482 and tokens off by default. The service itself imports neither."""


def check_floors(version_of: Callable[[str], str | None] = installed) -> list[str]:
    """Compare what is installed, by its metadata alone; returns (and logs) the warnings.

    Raises:
        SettingsError: a library that the service itself runs on is too old.
    """
    for package, floor in REFUSED.items():
        found = version_of(package)
        if found is None or _numbers(found) < _numbers(floor):
            raise SettingsError(f"{package} {found} is too old to be safe: install {package}>={floor}")
    warnings = [
        f"{package} {found} has known security holes: install {package}>={floor}"
        for package, floor in WARNED.items()
        if (found := version_of(package)) is not None and _numbers(found) < _numbers(floor)
    ]
    for warning in warnings:
        _LOG.warning("outdated", reason=warning)
    return warnings


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()
