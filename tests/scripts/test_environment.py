"""Parts of the set-up that decide something: checks, resuming, locking, commands."""

import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import system_packages
from scripts.environment import checks
from scripts.environment.clone import copy_commands
from scripts.environment.console import Progress
from scripts.environment.errors import SetupError
from scripts.environment.mmcv_wheel import compiled_files
from scripts.environment.process import clean_environment, ending, exclusive, run_logged
from scripts.environment.shared import half_installed, installed_so_far
from scripts.system_packages import install_commands, missing_packages

ROOT = Path(__file__).resolve().parents[2]


def test_missing_compiler_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="apt-get install build-essential"):
        checks.check_compiler()


def test_full_disk_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=10**9))
    with pytest.raises(SetupError, match=r"1\.0 GB free.*SPARSEARCH_CACHE"):
        checks.check_disk(tmp_path)


def test_variant_can_be_chosen_but_not_misspelt() -> None:
    assert checks.accelerator({"SPARSEARCH_VARIANT": "cuda"}) == "cuda"
    with pytest.raises(SetupError, match="expected cpu or cuda"):
        checks.accelerator({"SPARSEARCH_VARIANT": "gpu"})


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  [12/73] c++ -MMD -MF build/x.o.d", "12 of 73 files"),
        ("[1/2] nvcc", "1 of 2 files"),
        ("copying mmcv/ops/[1/2]", None),
        ("", None),
    ],
)
def test_reads_the_progress_of_ninja(line: str, shown: str | None) -> None:
    assert compiled_files(line) == shown


def test_progress_in_a_log_file_is_sparse_and_goes_on_without_news() -> None:
    now = [0.0]
    stream = io.StringIO()
    progress = Progress("compiling", stream, lambda: now[0])
    for second in range(1, 31):
        now[0] = float(second)
        progress.update(f"{second} of 60")
    for second in range(31, 60):
        now[0] = float(second)
        progress.tick()
    assert stream.getvalue().splitlines() == [
        "[setup]   compiling: 15 of 60, 0:15",
        "[setup]   compiling: 30 of 60, 0:30",
        "[setup]   compiling: 30 of 60, 0:45",
    ]


def test_progress_ends_with_the_time_it_took_unless_it_failed() -> None:
    stream = io.StringIO()
    with Progress("compiling", stream, lambda: 75.0):
        pass
    with pytest.raises(SetupError), Progress("unpacking", stream):
        raise SetupError("no space left")
    assert stream.getvalue() == "[setup]   compiling: done in 0:00\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Collecting torch==2.11.0 (from -r requirements.txt (line 1))", "fetching torch"),
        ("Requirement already satisfied: numpy==2.4.6 in ./lib", "fetching numpy"),
        ("Installing collected packages: torch, numpy", "unpacking"),
        ("  Downloading torch.whl (530 MB)", None),
    ],
)
def test_reads_the_progress_of_pip(line: str, shown: str | None) -> None:
    assert installed_so_far(line) == shown


def test_interrupted_packages_are_found(tmp_path: Path) -> None:
    for name, complete in (("good-1.0", True), ("torn-1.0", False)):
        info = tmp_path / f"{name}.dist-info"
        info.mkdir()
        (info / "METADATA").touch()
        if complete:
            (info / "INSTALLER").touch()
    assert [info.name for info in half_installed(tmp_path)] == ["torn-1.0.dist-info"]


def test_failure_shows_the_last_lines_and_names_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "setup.log"
    program = "print('first'); print('no space left'); raise SystemExit(3)"
    seen: list[str] = []
    with pytest.raises(SetupError, match=r"(?s)exit 3.*no space left.*setup\.log"):
        run_logged([sys.executable, "-c", program], log, on_line=seen.append)
    assert seen == ["first", "no space left"]
    assert "first\nno space left\n" in log.read_text()


@pytest.mark.parametrize(
    ("status", "said"),
    [(2, "exit 2"), (-15, "killed by SIGTERM"), (-9, "killed by SIGKILL; was the memory exhausted? Try MAX_JOBS=1")],
)
def test_names_what_ended_a_program(status: int, said: str) -> None:
    assert ending(status) == said


def test_settings_that_would_misplace_packages_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    settings = clean_environment({"MAX_JOBS": "2"})
    assert settings["MAX_JOBS"] == "2"
    assert "PIP_TARGET" not in settings and "PYTHONPATH" not in settings


def test_program_that_outlives_a_killed_setup_keeps_the_lock(tmp_path: Path) -> None:
    lock, log = tmp_path / "env.lock", tmp_path / "log"
    killed = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from scripts.environment.process import exclusive, run_logged\n"
        f"with exclusive(Path({str(lock)!r}), 'it') as held:\n"
        "    child = [sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)']\n"
        "    die = lambda pid: (print(pid, flush=True), os._exit(9))\n"
        f"    run_logged(child, Path({str(log)!r}), keep_fd=held, on_line=die)\n"
    )
    setup = subprocess.run([sys.executable, "-c", killed], cwd=ROOT, capture_output=True, text=True, check=False)
    assert setup.returncode == 9
    try:
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(int(setup.stdout), signal.SIGKILL)


def test_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "a.lock", "it"):
            assert (tmp_path / "a.lock").read_text() == str(os.getpid())


def test_commands_are_bound_to_the_clone(tmp_path: Path) -> None:
    source, target = tmp_path / "shared", tmp_path / "clone"
    source.mkdir()
    target.mkdir()
    (source / "tool").write_text(f"#!{source}/python\nprint('tool')\n")
    (source / "binary").write_bytes(b"\x7fELF")
    (source / "python3").touch()
    copy_commands(source, target)
    assert (target / "tool").read_text().startswith(f"#!{target}/python\n")
    assert os.access(target / "tool", os.X_OK)
    assert (target / "binary").resolve() == source / "binary"
    assert not (target / "python3").exists()


def test_old_python_is_told_which_one_to_use() -> None:
    program = "import sys\nsys.version_info = (3, 10, 13)\nimport scripts.setup_env\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs Python 3.11 or 3.12" in done.stderr


def test_only_missing_system_packages_are_installed() -> None:
    assert missing_packages(["sh=dash", "no-such-command=some-package"]) == ["some-package"]


def test_commands_that_debian_keeps_off_path_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "15" / "bin" / "initdb-of-tests"
    command.parent.mkdir(parents=True)
    command.touch(mode=0o755)
    wanted = ["initdb-of-tests=postgresql"]
    assert missing_packages(wanted) == ["postgresql"]
    monkeypatch.setattr(system_packages, "POSTGRESQL", f"{tmp_path}/*/bin")
    assert missing_packages(wanted) == []


def test_system_packages_need_root_or_sudo() -> None:
    assert install_commands(["openmpi-bin"], is_root=False, has_sudo=False) is None
    as_root = install_commands(["openmpi-bin"], is_root=True, has_sudo=False)
    assert as_root is not None and as_root[-1][0] == "apt-get" and as_root[-1][-1] == "openmpi-bin"
    with_sudo = install_commands(["openmpi-bin"], is_root=False, has_sudo=True)
    assert with_sudo is not None and with_sudo[0][:2] == ["sudo", "-n"]
