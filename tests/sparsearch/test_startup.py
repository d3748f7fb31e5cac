"""What starts fast stays fast: commands that need no model import none; registration waits for mmdet."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "mmcv", "mmdet", "ray", "optuna", "pandas")


def _python(code: str, *arguments: str, home: Path | None = None) -> str:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(home or "/nonexistent")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        capture_output=True, text=True, check=False, cwd="/", env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", [["--help"], ["search", "--help"], ["target", "list"], ["list"]])
def test_reading_commands_import_no_heavy_library(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom sparsearch.cli import main\nmain(sys.argv[1:])\n"
        f"print('LOADED', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert _python(code, *command, home=tmp_path).splitlines()[-1] == "LOADED []"


def test_a_plain_import_waits_until_mmdet_arrives_and_then_registers() -> None:
    code = (
        "import sys, sparsearch\nprint('torch' in sys.modules)\n"
        "from mmdet.models import BACKBONES\nfrom mmdet.datasets import DATASETS\n"
        "print('SparseViT' in BACKBONES, 'DigitsDataset' in DATASETS)"
    )
    assert _python(code).split() == ["False", "True", "True"]


def test_after_mmcv_the_import_registers_at_once() -> None:
    code = (
        "import sys, mmcv, sparsearch\nfrom mmcv.runner import HOOKS\n"
        "print('mmdet' in sys.modules, 'SparsityAdaptationHook' in HOOKS)"
    )
    assert _python(code).split() == ["True", "True"]
