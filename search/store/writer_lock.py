"""Who may write an SQLite file: one process, on a local file system."""

import fcntl
import os
from pathlib import Path

from search.errors import StoreError

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"}


class WriterLock:
    """The advisory lock of the writing process; freed when the process ends, however it ends.

    Args:
        path: the database file.
    Raises:
        StoreError: another process holds it; names that process.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise StoreError(
                f"{path} is in use by process {owner}; wait until its search ends, "
                f"or set SPARSEARCH_HOME to another folder to search beside it"
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process write."""
        os.close(self._handle)


def refuse_network(path: Path) -> None:
    """SQLite's WAL needs shared memory, which network file systems lack.

    Raises:
        StoreError: `path` lies on one.
    """
    best, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in mounts:
        fields = line.split()
        point = fields[1]
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    if kind in _NETWORK:
        raise StoreError(f"{path} lies on a network file system ({kind}); set SPARSEARCH_HOME to a local folder")
