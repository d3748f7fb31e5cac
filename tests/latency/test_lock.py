import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from latency.errors import DeviceBusyError
from latency.lock import device_lock

HOLD = """
import sys
from pathlib import Path
from latency.lock import device_lock
with device_lock("cpu", purpose="a long session", folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the CPU until told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_and_told_who_measures(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        refused = pytest.raises(DeviceBusyError, match=rf"process {process.pid} of .* \(a long session\)")
        with refused, device_lock("cpu", folder=tmp_path):
            pytest.fail("two processes held one device")
        process.communicate("\n")
    with device_lock("cpu", folder=tmp_path):
        pass


def test_waiting_ends_when_the_owner_does(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        with device_lock("cpu", timeout=60, folder=tmp_path):
            pass


def test_a_killed_owner_leaves_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with device_lock("cpu", folder=tmp_path):
            pass


def test_threads_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with device_lock("cpu", purpose="first", folder=tmp_path):
        refused = pytest.raises(DeviceBusyError, match=rf"process {os.getpid()} .*\(first\)")
        with refused, device_lock("cpu", folder=tmp_path):
            pytest.fail("two holders")


def test_the_lock_is_released_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), device_lock("cpu", folder=tmp_path):
        raise KeyError
    with device_lock("cpu", folder=tmp_path):
        pass


def test_a_lock_without_a_readable_owner_still_refuses(tmp_path: Path) -> None:
    with device_lock("cpu", folder=tmp_path):
        (tmp_path / "cpu.lock").write_text("", encoding="utf-8")
        refused = pytest.raises(DeviceBusyError, match="measured by another process")
        with refused, device_lock("cpu", folder=tmp_path):
            pytest.fail("two holders")


def test_simulated_devices_are_never_busy(tmp_path: Path) -> None:
    with device_lock("sim:0", folder=tmp_path), device_lock("sim:0", folder=tmp_path):
        assert not list(tmp_path.iterdir())
