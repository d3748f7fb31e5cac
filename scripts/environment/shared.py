"""The dependency environment: one per lock file, Python and accelerator, shared by every clone on the machine."""

import json
import re
import shutil
import sys
import venv
from pathlib import Path

from scripts.environment.checks import check_compiler, check_disk
from scripts.environment.console import Progress, say
from scripts.environment.lock import Lock, environment_name
from scripts.environment.mmcv_wheel import build_wheel, kept_wheel
from scripts.environment.process import exclusive, run_logged

COMPLETE = ".complete"
"""Written last; an environment without it is not used."""

SMOKE = (
    "import torch, torchvision, mmcv.ops, mmdet, ray, optuna, pandas, cv2, sqlalchemy, fastapi, sse_starlette, "
    "psycopg, typer, pytest"
)


def prepare(cache: Path, lock: Lock, variant: str) -> Path:
    """The folder of the complete environment, built or finished if need be.

    Raises:
        SetupError: a check or an installation step failed.
    """
    folder = cache / "envs" / environment_name(lock, variant)
    if (folder / COMPLETE).exists():
        say(f"dependencies: reusing {folder}")
        return folder
    with exclusive(cache / "locks" / f"{folder.name}.lock", f"the environment {folder.name}") as held:
        if (folder / COMPLETE).exists():
            say(f"dependencies: another set-up finished {folder}")
            return folder
        if kept_wheel(cache, lock, variant) is None:
            check_compiler()
        check_disk(cache)
        _build(folder, cache, lock, variant, held)
    return folder


def half_installed(site_packages: Path) -> list[Path]:
    """Metadata of packages whose installation was interrupted: pip writes INSTALLER after the package's files."""
    return [info for info in sorted(site_packages.glob("*.dist-info")) if not (info / "INSTALLER").exists()]


def installed_so_far(line: str) -> str | None:
    """What a line of pip's output says to people; None: nothing."""
    if line.startswith("Installing collected packages"):
        return "unpacking"
    match = re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", line)
    return f"fetching {match[1]}" if match else None


def site_packages_of(folder: Path) -> Path:
    """The package folder of an environment made by this Python."""
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _build(folder: Path, cache: Path, lock: Lock, variant: str, held: int) -> None:
    log = cache / "logs" / f"{folder.name}.log"
    python = folder / "bin" / "python"
    if python.exists():
        say(f"dependencies: finishing {folder}, which an earlier set-up began")
        for info in half_installed(site_packages_of(folder)):
            shutil.rmtree(info)
    else:
        say(f"dependencies: building {folder} (about 6 GB); log: {log}")
    venv.create(folder, with_pip=True, symlinks=True)

    requirements = folder / "requirements.txt"
    requirements.write_text(lock.without_compiled())
    # the lock names everything, so nothing is resolved; pip check below proves that nothing is missing
    command: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--progress-bar",
        "off",
        "-r",
        requirements,
    ]
    with Progress(f"installing {len(lock.pins) - 1} packages") as progress:

        def show(line: str) -> None:
            state = installed_so_far(line)
            if state:
                progress.update(state)

        run_logged(command, log, keep_fd=held, on_line=show)

    wheel = build_wheel(python, cache, lock, variant, log)
    run_logged([python, "-m", "pip", "install", "--no-deps", "--no-index", wheel], log, keep_fd=held)
    say("checking that the packages fit together and import")
    run_logged([python, "-m", "pip", "check"], log, keep_fd=held)
    run_logged([python, "-W", "ignore", "-c", SMOKE], log, keep_fd=held)
    (folder / COMPLETE).write_text(json.dumps({"lock": lock.digest, "variant": variant, "pins": lock.pins}, indent=1))
