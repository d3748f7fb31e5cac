"""One measurement at a time per device: a file lock that the kernel releases when its owner dies."""

import fcntl
import getpass
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from latency.errors import DeviceBusyError

POLL_S = 0.1
"""Between two attempts, while waiting."""


@contextmanager
def device_lock(device: str, timeout: float = 0.0, purpose: str = "", folder: Path | None = None) -> Iterator[None]:
    """Hold a device for the duration of a `with` block, against all other processes and threads of this host.

    Simulated devices need no lock and get none.

    Args:
        device: as in `Setting.device`.
        timeout: seconds to wait for another owner.
        purpose: what for, shown to those who wait.
        folder: where lock files live; all users of the host share the default.
    Raises:
        DeviceBusyError: still held after `timeout`; the message names the owner.
    """
    if device.startswith("sim:"):
        yield
        return
    with _open(device, folder or Path(tempfile.gettempdir()) / "sparsearch-locks") as file:
        _wait(file, device, timeout)
        file.seek(0)
        file.truncate()
        json.dump(_owner(purpose), file)
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()
            file.flush()
            fcntl.flock(file, fcntl.LOCK_UN)


def _open(device: str, folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_hardware(device)}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    # other users of the host must be able to lock too, whatever the umask; only the owner of the file may say so
    with suppress(PermissionError):
        os.chmod(folder, 0o777)
        os.chmod(path, 0o666)
    return os.fdopen(handle, "r+", encoding="utf-8")


def _hardware(device: str) -> str:
    """A name that is the same in every process: "cuda:0" is another GPU where CUDA_VISIBLE_DEVICES differs."""
    if not device.startswith("cuda"):
        return "cpu"
    import torch

    index = torch.device(device).index or 0
    if torch.cuda.is_available() and index < torch.cuda.device_count():
        uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
        if uuid is not None:
            return f"cuda-{uuid}"
    return f"cuda-{index}"


def _wait(file: IO[str], device: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise DeviceBusyError(
                    f"{device} is measured by {_described(file)}; two measurements at once would disturb each other. "
                    f"Wait for it, or stop it (waited {timeout:g} s)"
                ) from None
            time.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))


def _owner(purpose: str) -> dict[str, object]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # a container may run under a number that has no name
        user = str(os.getuid())
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"pid": os.getpid(), "user": user, "since": since, "purpose": purpose or " ".join(sys.argv[:3])}


def _described(file: IO[str]) -> str:
    file.seek(0)
    try:
        owner = json.loads(file.read())
        return f"process {owner['pid']} of {owner['user']} since {owner['since']} ({owner['purpose']})"
    except (json.JSONDecodeError, KeyError, TypeError):
        # its owner is just writing its name
        return "another process"
