"""How we open SQLite: one writing connection per file, WAL with full syncs, readers that cannot write.

Writers take an advisory lock on a file beside the database. That keeps to one the connections that write or
checkpoint, which also closes the WAL-reset race of SQLite before 3.51.3 (it needs a second one).
"""

import fcntl
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from search.errors import StoreError

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"}


def writer(path: Path) -> Engine:
    """The engine of the one connection that writes; every transaction takes the write lock at once."""
    engine = create_engine(f"sqlite:///{path}", poolclass=StaticPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _setup(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader(path: Path) -> Engine:
    """An engine whose connections can neither write nor checkpoint."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _setup(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("busy_timeout=5000", "wal_autocheckpoint=0", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


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
