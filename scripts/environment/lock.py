"""The lock file: its pins, and the names that environments and wheels get from it."""

import hashlib
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.environment.errors import SetupError

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(\s*;\s*(?P<marker>.+))?")
COMPILED = "mmcv-full"
"""The one package that is compiled here; everything else installs as it comes."""


@dataclass(frozen=True)
class Lock:
    """The pins of a lock file.

    Args:
        pins: package name -> version.
        lines: the requirement lines, markers included, by package name.
        digest: hash of the requirements; comments and blank lines do not count.
    """

    pins: dict[str, str]
    lines: dict[str, str]
    digest: str

    def without_compiled(self) -> str:
        """The requirements that pip installs directly, as the text of a requirements file."""
        return "".join(f"{line}\n" for name, line in self.lines.items() if name != COMPILED)


def read_lock(path: Path) -> Lock:
    """Read `requirements.lock`.

    Raises:
        SetupError: the file is missing, a line is no `name==version`, or a needed pin is absent.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise SetupError(
            f"cannot read the lock file {path}: {error}. Run the set-up from the root of the clone."
        ) from None
    pins: dict[str, str] = {}
    lines: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if not line:
            continue
        match = PIN.fullmatch(line)
        if match is None:
            raise SetupError(f"{path}:{number}: expected `name==version`, got {line!r}")
        name = match["name"].lower().replace("_", "-")
        pins[name], lines[name] = match["version"], line
    for needed in (COMPILED, "torch", "ninja", "setuptools", "wheel", "psutil"):
        if needed not in pins:
            raise SetupError(f"{path}: no pin for {needed}, which the set-up needs")
    return Lock(pins, lines, hashlib.sha256("\n".join(sorted(lines.values())).encode()).hexdigest()[:12])


def cache_folder() -> Path:
    """Where environments and wheels are kept: `$SPARSEARCH_CACHE`, else `~/.cache/sparsearch`."""
    chosen = os.environ.get("SPARSEARCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparsearch"


def python_tag() -> str:
    """`py311` or `py312`."""
    return f"py{sys.version_info.major}{sys.version_info.minor}"


def environment_name(lock: Lock, variant: str) -> str:
    """Folder of the shared environment, such as `py311-0123456789ab`, with `-cuda` when mmcv-full has CUDA kernels."""
    return f"{python_tag()}-{lock.digest}" + ("" if variant == "cpu" else f"-{variant}")


def wheel_name(lock: Lock, variant: str) -> str:
    """Folder of the compiled wheel: everything its binary depends on."""
    return f"{COMPILED}-{lock.pins[COMPILED]}_torch-{lock.pins['torch']}_{python_tag()}_{variant}_{platform.machine()}"
