"""What a request leaves out: the setting that a target is timed in unless asked otherwise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from latency.setting import Setting
from models.zoo import ZOO, Size
from search.targets import Target


def setting_of(
    target: Target,
    *,
    device: str | None = None,
    batch: int | None = None,
    input_size: tuple[int, int] | None = None,
    scope: str | None = None,
    dtype: str = "float32",
    runtime: str = "eager",
    threads: int | None = None,
    first_device: Callable[[], str] | None = None,
) -> Setting:
    """What is timed: what is given, and the target's defaults for the rest.

    Args:
        target: what the request is about.
        device, batch, input_size, scope, dtype, runtime, threads: see `latency.setting.Setting`.
        first_device: the device where neither the request nor the target names one; None: `likely_device`.
    Raises:
        SettingError: a field is out of range.
    """
    values: dict[str, Any] = {
        "scope": scope or target.scope,
        "batch": target.batch if batch is None else batch,
        "input_size": target.input_size if input_size is None else input_size,
        "dtype": dtype,
        "runtime": runtime,
        "device": device or target.device or (first_device or likely_device)(),
        "threads": threads,
    }
    return Setting(**values)


def simulated_size() -> Size:
    """The backbone whose space and work synthetic targets borrow: the first of the zoo."""
    return next(iter(ZOO.values()))[1]


def has_gpu_driver() -> bool:
    """Whether this machine has a driver for NVIDIA GPUs."""
    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia").exists()


def likely_device() -> str:
    """The first GPU where there is a driver, else the CPU; known without importing torch."""
    return "cuda:0" if has_gpu_driver() else "cpu"
