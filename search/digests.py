"""Digests of targets, remembered: hashing gigabytes of weights once per request would be too slow."""

import threading
from pathlib import Path

from search.target_files import config_chain
from search.targets import Target

_Stamp = tuple[tuple[str, int, int], ...]


class Digests:
    """`Target.digest()`, computed again only when a file of the target has changed (by size or time)."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, str]] = {}
        self._lock = threading.Lock()

    def of(self, target: Target) -> str:
        """The digest of a target whose files exist."""
        stamp = _stamp(target)
        with self._lock:
            found = self._known.get(target.name)
        if found is not None and found[0] == stamp:
            return found[1]
        digest = target.digest()
        with self._lock:
            self._known[target.name] = (stamp, digest)
        return digest


def _stamp(target: Target) -> _Stamp:
    files: list[Path] = []
    if target.config is not None:
        files += config_chain(target.config)
    if target.checkpoint is not None:
        files.append(target.checkpoint)
    stats = [(str(path), path.stat()) for path in files]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
