"""What `pip install .` gives: every file of the packages, and an `import sparsearch` that mmdet notices."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "latency", "search", "api", "samples", "sparsearch", "configs")


def shipped_sources() -> list[str]:
    """Files of the packages, as git would have them in a fresh clone."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKAGES]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built beside it and without a network."""
    copy = tmp_path_factory.mktemp("tree")
    for name in [*shipped_sources(), "pyproject.toml", "README.md", "LICENSE"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(out),
        ".",
    ]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


def test_every_file_of_the_packages_is_shipped(wheel: Path) -> None:
    sources = set(shipped_sources())
    assert {"sparsearch/__init__.py", "models/plan.py"} <= sources
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    assert sorted(sources - shipped) == []


def test_top_level_script_does_not_shadow_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert "search.py" not in archive.namelist()


def test_installed_package_registers_its_backbones(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    program = (
        "import sparsearch\n"
        f"assert sparsearch.__file__.startswith({str(target)!r}), sparsearch.__file__\n"
        "from mmdet.models import BACKBONES\n"
        "assert BACKBONES.get('SparseViT') is not None\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
