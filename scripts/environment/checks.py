"""What a machine must have before anything is installed; each failure says what to run."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from scripts.environment.console import say
from scripts.environment.errors import SetupError

SUPPORTED = ((3, 11), (3, 12))
ENVIRONMENT_GB = 7.0
DOWNLOAD_GB = 4.0


def check_python() -> None:
    """Python 3.11 or 3.12, able to make virtual environments."""
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments (no ensurepip). "
            f"On Debian or Ubuntu: apt-get install python{sys.version_info.major}.{sys.version_info.minor}-venv"
        )


def check_compiler() -> None:
    """A C++ compiler and Python's headers: mmcv-full is compiled here."""
    compiler = os.environ.get("CXX", "g++").split()[0]
    if shutil.which(compiler) is None:
        raise SetupError(
            f"no C++ compiler: {compiler!r} is not on PATH, and mmcv-full must be compiled. "
            "On Debian or Ubuntu: apt-get install build-essential   (on Fedora: dnf install gcc-c++)"
        )
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise SetupError(
            f"Python's headers are missing ({header}), and mmcv-full must be compiled. "
            f"On Debian or Ubuntu: apt-get install python{sys.version_info.major}.{sys.version_info.minor}-dev"
        )


def check_disk(cache: Path) -> None:
    """Room for the environment, and for the downloads in the temporary folder."""
    cache.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.gettempdir())
    needs = {cache: ENVIRONMENT_GB, temporary: DOWNLOAD_GB}
    if os.stat(cache).st_dev == os.stat(temporary).st_dev:
        needs = {cache: ENVIRONMENT_GB + DOWNLOAD_GB}
    for folder, gigabytes in needs.items():
        free = shutil.disk_usage(folder).free / 1e9
        if free < gigabytes:
            raise SetupError(
                f"{folder}: {free:.1f} GB free, the set-up needs {gigabytes:.0f} GB there. "
                "Free some, or choose other places with SPARSEARCH_CACHE=/big/disk and TMPDIR=/big/disk/tmp."
            )


def accelerator(environment: Mapping[str, str] = os.environ) -> str:
    """`cuda` where mmcv-full can get its CUDA kernels (a GPU and nvcc), else `cpu`; `SPARSEARCH_VARIANT` overrides."""
    chosen = environment.get("SPARSEARCH_VARIANT")
    if chosen:
        if chosen not in ("cpu", "cuda"):
            raise SetupError(f"SPARSEARCH_VARIANT={chosen!r}: expected cpu or cuda")
        return chosen
    smi = shutil.which("nvidia-smi")
    has_gpu = smi is not None and subprocess.run([smi, "-L"], capture_output=True, check=False).returncode == 0
    if not has_gpu:
        return "cpu"
    if shutil.which("nvcc") is None and "CUDA_HOME" not in environment:
        say(
            "a GPU, but no nvcc: mmcv-full gets CPU kernels only. For its CUDA kernels install the CUDA toolkit, rerun."
        )
        return "cpu"
    return "cuda"
