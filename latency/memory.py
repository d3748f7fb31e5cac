"""Memory of forwards on a CPU: kept in the process while it is timed, so that no forward waits for the kernel.

glibc gives freed memory back, and gets it again page by page. How often depends on what else the process runs, so plans
that take turns slow each other down, unequally: a dense plan of 16 ms was seen to take 18 to 20 beside sparse ones.
"""

import ctypes
import os
import re
from pathlib import Path
from typing import Any

KEEPING = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
"""The same for a process that serves a model: variables of its environment."""

KEEPING_TEXT = " ".join(f"{name}={value}" for name, value in KEEPING.items())
"""As they are given to a shell."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_NEVER = -1


def keep_memory() -> bool:
    """Have this process keep what it frees, unless its environment tunes memory itself; repeat it as you like.

    Returns:
        Whether it does.
    """
    mallopt = None if chosen() else _mallopt()
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))


def chosen() -> dict[str, str]:
    """What the environment says about memory: variables of glibc, and libraries that may replace its allocator."""
    found = {
        name: value for name, value in os.environ.items() if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"
    }
    if preloaded := [Path(name).name for name in re.split(r"[ :]+", os.environ.get("LD_PRELOAD", "")) if name]:
        found["LD_PRELOAD"] = " ".join(preloaded)
    return dict(sorted(found.items()))


def describe() -> str | dict[str, str]:
    """How forwards get their memory while they are timed, for the fingerprint of a CPU."""
    return chosen() or ("default" if _mallopt() is None else "kept")


def _mallopt() -> Any:
    """glibc's switch; None with another C library."""
    process = ctypes.CDLL(None)
    return getattr(process, "mallopt", None) if hasattr(process, "gnu_get_libc_version") else None
