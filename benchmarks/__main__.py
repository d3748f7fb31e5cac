"""Everything that can be measured on this machine: `python -m benchmarks` (about 20 minutes on two cores)."""

import subprocess
import sys

PARTS = (
    "benchmarks.allocator",
    "benchmarks.backbone",
    "benchmarks.evaluation",
    "benchmarks.hourglass",
    "benchmarks.samplers",
    "benchmarks.service",
    "benchmarks.stvit_r",
    "benchmarks.super_tokens",
    "benchmarks.svit_adapter",
    "benchmarks.gpu",
)


def main() -> int:
    """Each part in a process of its own, so that none disturbs another; the exit status of the worst."""
    worst = 0
    for part in PARTS:
        print(f"\n=== python -m {part}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", part]).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
