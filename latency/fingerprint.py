"""The fingerprint of a device in a setting: a key that decides which latencies may be pooled, and context beside it.

key      hardware, driver, library versions, precision flags, clock policy, and the setting: whatever changes latency
context  host, kernel, time, load: stored and compared, never hashed
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from latency import memory
from latency.errors import DeviceError
from latency.record import Device
from latency.setting import Setting

VERSION = 2
"""Of the fields of the key; latencies of different versions do not mix."""

ISA = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "sve", "bf16")
"""Processor features that kernels are chosen by."""

SMI = ("driver_version", "power.limit", "clocks.max.sm", "ecc.mode.current", "mig.mode.current")
"""What only the driver's own tool tells about a GPU."""


def fingerprint(setting: Setting, inputs: str | None = None) -> Device:
    """The device that a setting runs on.

    Args:
        setting: what is timed.
        inputs: which images forwards run on, where latency depends on them; None: random ones, as for everything else.
    Raises:
        DeviceError: the device is not here.
    """
    index = int(setting.device.partition(":")[2] or 0)
    if setting.kind == "sim":
        hardware: dict[str, Any] = {"kind": "sim", "seed": index}
        name = f"simulated device {index}"
    elif setting.kind == "cpu":
        hardware = {"kind": "cpu", **_processor(), **_torch_cpu(setting.threads)}
        name = f"{hardware['model']}, {hardware['threads']} threads"
    else:
        hardware = {"kind": "cuda", **_gpu(index), **_torch_gpu()}
        name = hardware["model"]
    # which of several equal GPUs it is does not change latency
    asked = {field: value for field, value in setting.to_dict().items() if field not in ("device", "threads")}
    key = {"version": VERSION, **hardware, "setting": asked, **({} if inputs is None else {"inputs": inputs})}
    return Device(key_of(key), name, {"key": key, "context": _context(setting, index)})


def key_of(fields: Mapping[str, Any]) -> str:
    """SHA-256 of the fields, 64 hexadecimal digits; their order does not matter."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def differences(one: Device, other: Device) -> list[str]:
    """Fields of the keys that differ, as "driver: 550 -> 560"; empty exactly when the keys are equal."""
    mine, theirs = (_flat(device.details.get("key", {})) for device in (one, other))
    return [
        f"{name}: {mine.get(name)} -> {theirs.get(name)}"
        for name in sorted({*mine, *theirs})
        if mine.get(name) != theirs.get(name)
    ]


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value})
    return flat


def _processor() -> dict[str, Any]:
    info = _cpuinfo()
    pages = re.search(r"\[(\w+)\]", _line("/sys/kernel/mm/transparent_hugepage/enabled") or "")
    flags = set((info.get("flags") or info.get("Features") or "").split())
    return {
        "model": info.get("model name") or platform.processor() or platform.machine(),
        "microcode": info.get("microcode"),
        "cores": os.cpu_count(),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "isa": [name for name in ISA if name in flags],
        "governor": _line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "no_turbo": _line("/sys/devices/system/cpu/intel_pstate/no_turbo"),
        "numa_nodes": len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or None,
        "quota": _quota(),
        "memory": memory.describe(),
        "huge_pages": pages and pages[1],
    }


def _torch_cpu(threads: int | None) -> dict[str, Any]:
    import torch

    build = torch.__config__.show()
    onednn = re.search(r"MKL-DNN v([\d.]+)", build)
    mkl = re.search(r"Math Kernel Library Version (\S+)", build)
    return {
        "torch": torch.__version__,
        "onednn": onednn[1] if onednn and torch.backends.mkldnn.enabled else None,
        "mkl": mkl[1] if mkl else None,
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "threads": threads or torch.get_num_threads(),
        "omp": {
            name: os.environ.get(name) for name in ("OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "KMP_BLOCKTIME")
        },
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "float32_matmul": torch.get_float32_matmul_precision(),
    }


def _gpu(index: int) -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        raise DeviceError(f"cuda:{index} is not here: torch sees {torch.cuda.device_count()} GPUs; use device cpu")
    found = torch.cuda.get_device_properties(index)
    return {
        "model": found.name,
        "capability": [found.major, found.minor],
        "memory_mib": found.total_memory // 2**20,
        "multiprocessors": found.multi_processor_count,
        "l2_kib": getattr(found, "L2_cache_size", 0) // 1024 or None,
        **_smi(_uuid(index)),
    }


def _torch_gpu() -> dict[str, Any]:
    import torch

    # torch leaves parts of these untyped
    cuda: Any = torch.backends.cuda
    cudnn: Any = torch.backends.cudnn
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": cudnn.version(),
        "float32_matmul": torch.get_float32_matmul_precision(),
        "tf32_convolutions": cudnn.allow_tf32,
        "reduced_fp16": bool(cuda.matmul.allow_fp16_reduced_precision_reduction),
        "reduced_bf16": bool(cuda.matmul.allow_bf16_reduced_precision_reduction),
        "cudnn_benchmark": cudnn.benchmark,
        "deterministic": [cudnn.deterministic, torch.are_deterministic_algorithms_enabled()],
        "attention": {
            "flash": cuda.flash_sdp_enabled(),
            "memory_efficient": cuda.mem_efficient_sdp_enabled(),
            "math": cuda.math_sdp_enabled(),
        },
    }


@lru_cache(maxsize=8)
def _smi(uuid: str | None) -> dict[str, str | None]:
    """Driver, power limit and modes; all None where the driver's tool is missing or does not know the device (MIG)."""
    nothing: dict[str, str | None] = dict.fromkeys(SMI)
    if uuid is None:
        return nothing
    command = ["nvidia-smi", f"--id={uuid}", f"--query-gpu={','.join(SMI)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return nothing
    values = [value.strip() for value in answer.strip().splitlines()[0].split(",")] if answer.strip() else []
    return dict(zip(SMI, values, strict=True)) if len(values) == len(SMI) else nothing


def _uuid(index: int) -> str | None:
    import torch

    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    return None if uuid is None else f"GPU-{str(uuid).removeprefix('GPU-')}"


def _context(setting: Setting, index: int) -> dict[str, Any]:
    context = {
        "host": _blurred(platform.node()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }
    if setting.kind == "cuda":
        uuid = _uuid(index)
        context["gpu"] = None if uuid is None else _blurred(uuid)
    return context


def _blurred(identity: str) -> str:
    """Tells machines apart without naming them."""
    return hashlib.sha256(f"sparsearch {identity}".encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _cpuinfo() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is none."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _quota() -> float | None:
    """Processors that the control group grants; None: no limit. A fraction makes percentiles of latency worthless."""
    both = _line("/sys/fs/cgroup/cpu.max")
    if both is None:
        quota, period = (_line(f"/sys/fs/cgroup/cpu/cpu.cfs_{part}_us") for part in ("quota", "period"))
    else:
        quota, _, period = both.partition(" ")
    if quota is None or period is None or not quota.isdecimal() or not period.isdecimal():
        return None
    return int(quota) / int(period)


def _line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None
