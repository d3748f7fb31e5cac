"""The devices of this server, found without torch: what the kernel and the driver say in /proc."""

import platform
from pathlib import Path

from api.schemas.catalogue import DeviceBody
from search.defaults import has_gpu_driver

PROC = Path("/proc")


def host_devices(proc: Path = PROC) -> list[DeviceBody]:
    """The processor, the GPUs that the driver lists, and a simulated device, which is everywhere."""
    found = [("cpu", _processor(proc), False)]
    found += [(f"cuda:{index}", model, False) for index, model in enumerate(_gpus(proc))]
    if len(found) == 1 and has_gpu_driver():
        found.append(("cuda:0", "NVIDIA GPU (its driver does not tell the model here)", False))
    found.append(("sim:0", "simulated device 0", True))
    return [
        DeviceBody(
            name=name,
            device=device,
            key=None,
            simulated=simulated,
            source="host",
            setting=None,
            details={},
            last_used_at=None,
        )
        for device, name, simulated in found
    ]


def _processor(proc: Path) -> str:
    return _field(proc / "cpuinfo", "model name") or platform.processor() or platform.machine() or "unknown processor"


def _gpus(proc: Path) -> list[str]:
    folders = sorted((proc / "driver" / "nvidia" / "gpus").glob("*"))
    return [_field(folder / "information", "Model") or "NVIDIA GPU" for folder in folders]


def _field(path: Path, name: str) -> str | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
