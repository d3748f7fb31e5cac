"""Page faults of forwards on a CPU, and what they cost: `python -m benchmarks.allocator`.

Fresh processes take turns, with glibc's defaults and with memory kept (docs/latency.md): dense backbones, one thread.
"""

import json
import os
import subprocess
import sys
import time
from statistics import median

import torch

from latency.memory import KEEPING, chosen
from latency.timers.host import minor_faults
from models.zoo import build

CASES = (("sparsevit_tiny", 224), ("sparsevit_tiny", 448), ("stvit_small_backbone", 448), ("svit_adapter_tiny", 448))
ROUNDS = 5
FORWARDS = 7
WARM = 3


def forwards(name: str, size: int) -> list[tuple[float, int]]:
    """(milliseconds, page faults) of single forwards in this process."""
    torch.set_num_threads(1)
    backbone, images = build(name).eval(), torch.randn(1, 3, size, size)
    found = []
    with torch.no_grad():
        for _ in range(WARM + FORWARDS):
            faults, started = minor_faults(), time.perf_counter()
            backbone(images)
            elapsed = 1e3 * (time.perf_counter() - started)
            found.append((elapsed, minor_faults() - faults))
    return found[WARM:]


def _process(name: str, size: int, variables: dict[str, str]) -> list[tuple[float, int]]:
    tuned = chosen()
    plain = {key: value for key, value in os.environ.items() if key not in tuned}
    command = [sys.executable, "-m", "benchmarks.allocator", name, str(size)]
    done = subprocess.run(command, env={**plain, **variables}, check=True, capture_output=True, text=True)
    found: list[tuple[float, int]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table; with a backbone and a size, the forwards of this one process as JSON."""
    if arguments := sys.argv[1:]:
        print(json.dumps(forwards(arguments[0], int(arguments[1]))))
        return
    head = f"{'default ms':>11} {'faults':>7} {'kept ms':>8} {'faults':>7}"
    print(f"{'dense, batch 1, one thread':<32} {head}   kept / default")
    for name, size in CASES:
        plain, kept = list[float](), list[float]()
        faults: tuple[list[int], list[int]] = [], []
        for _ in range(ROUNDS):
            for times, counts, variables in ((plain, faults[0], {}), (kept, faults[1], KEEPING)):
                found = _process(name, size, variables)
                times.append(median(ms for ms, _ in found))
                counts.append(int(median(count for _, count in found)))
        ratios = sorted(after / before for before, after in zip(plain, kept, strict=True))
        print(
            f"{f'{name} {size}':<32} {median(plain):>11.1f} {int(median(faults[0])):>7} {median(kept):>8.1f} "
            f"{int(median(faults[1])):>7}   {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
