"""The clone's own `.venv`: an interpreter and commands, with the packages of the shared environment behind it."""

import hashlib
import json
import os
import shutil
import stat
import sys
import venv
from pathlib import Path

from scripts.environment.console import say
from scripts.environment.process import exclusive, run_logged
from scripts.environment.shared import site_packages_of

STAMP = ".sparsearch-setup.json"
NOT_LINKED = ("python", "pip", "activate", "Activate")


def link(root: Path, shared: Path, log: Path) -> Path:
    """Make or refresh `root/.venv`; a second run with nothing changed does nothing.

    Raises:
        SetupError: the project did not install.
    """
    folder = root / ".venv"
    wanted = {
        "shared": str(shared),
        "python": sys.version,
        "root": str(root),
        "project": hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest(),
    }
    with exclusive(root / ".venv.lock", f"{folder}") as held:
        stamp = folder / STAMP
        if stamp.exists() and json.loads(stamp.read_text()) == wanted:
            say(f"this clone: {folder} is up to date")
            return folder
        say(f"this clone: making {folder}, with the packages of {shared.name}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=False, symlinks=True)
        packages = site_packages_of(folder)
        # addsitedir, not a bare path: on Python 3.12 setuptools' own .pth brings back the distutils that mmcv imports
        (packages / "shared.pth").write_text(f"import site; site.addsitedir({str(site_packages_of(shared))!r})\n")
        copy_commands(shared / "bin", folder / "bin")
        install: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
        ]
        run_logged([*install, "--config-settings", "editable_mode=compat", "-e", root], log, keep_fd=held)
        stamp.write_text(json.dumps(wanted, indent=1))
    return folder


def copy_commands(source: Path, target: Path) -> None:
    """Give `target` the commands of `source`: scripts are bound to the interpreter in `target`, binaries are linked."""
    for command in sorted(source.iterdir()):
        copy = target / command.name
        if command.name.startswith(NOT_LINKED) or copy.exists():
            continue
        content = command.read_bytes()
        if not content.startswith(b"#!"):
            copy.symlink_to(command)
            continue
        copy.write_bytes(content.replace(os.fsencode(source / "python"), os.fsencode(target / "python")))
        copy.chmod(copy.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
