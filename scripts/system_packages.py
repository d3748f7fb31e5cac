"""Install Debian packages whose commands are missing: `python -m scripts.system_packages mpirun=openmpi-bin`."""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from scripts.environment.console import say

POSTGRESQL = "/usr/lib/postgresql/*/bin"
"""Where Debian keeps the commands of PostgreSQL's server, version by version, off PATH."""


def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Of `command=package` pairs, the packages whose command is neither on PATH nor beside PostgreSQL's."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *sorted(glob.glob(POSTGRESQL))])
    pairs = [pair.split("=", 1) for pair in wanted]
    return [package for command, package in pairs if shutil.which(command, path=places) is None]


def install_commands(packages: Sequence[str], *, is_root: bool, has_sudo: bool) -> list[list[str]] | None:
    """The commands that install `packages`; None where this user may not."""
    if not is_root and not has_sudo:
        return None
    prefix = [] if is_root else ["sudo", "-n"]
    return [
        [*prefix, "apt-get", "update", "-qq"],
        [*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ]


def main(wanted: Sequence[str]) -> int:
    """Install what is missing; the exit code is 0 when every command exists afterwards."""
    packages = missing_packages(wanted)
    if not packages:
        return 0
    remedy = f"run as root: apt-get update && apt-get install {' '.join(packages)}   (or your system's equivalent)"
    commands = install_commands(packages, is_root=os.geteuid() == 0, has_sudo=shutil.which("sudo") is not None)
    if shutil.which("apt-get") is None or commands is None:
        say(f"FAILED: {', '.join(packages)} missing and not installable from here; {remedy}")
        return 1
    say(f"installing system packages: {', '.join(packages)}")
    for command in commands:
        settings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(command, env=settings, stdin=subprocess.DEVNULL, check=False).returncode:
            say(f"FAILED: `{' '.join(command)}`; {remedy}")
            return 1
    still = missing_packages(wanted)
    if still:
        say(f"FAILED: installed {', '.join(still)}, but the commands are not to be found")
    return 1 if still else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
