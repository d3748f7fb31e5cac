"""SViT against its dense parent and itself with all tokens, one CPU thread: `python -m benchmarks.svit_adapter`.

All are ours, forward by forward in one process, so that whatever else the machine does meets all. "blocks" times the
transformer's blocks alone (with selectors, gathering and scattering), "whole" the backbone. The sparse plan is the
published one, exact counts of 0.7, 0.49 and 0.343 of the tokens. The released sparse code was timed against a dense
network with another attention kernel; here both use the same.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from latency.memory import keep_memory
from models.svit import SelectiveViTAdapter
from models.svit_pass import Pass
from models.vit_adapter import ViTAdapter
from models.vit_adapter_interaction import levels_of
from models.zoo import build

SPARSE = {"keep3_5": 0.7, "keep6_8": 0.49, "keep9_11": 0.343}


def blocks_of(model: nn.Module, tokens: Tensor, size: tuple[int, int], plan: dict) -> Callable[[], Tensor]:
    """The blocks alone, on given tokens."""
    levels = levels_of(size, tokens.device)

    def dense() -> Tensor:
        x = tokens
        for block in model.blocks:
            x = block(x, levels.size)
        return x

    def sparse() -> Tensor:
        x, schedule = tokens, model.geometry.schedule(plan)
        done = Pass(model.selective_modules, schedule, inherit=False, training=False)
        for runs in schedule.interactions:
            for run in runs:
                x = done.run(x, run, [model.blocks[block] for block in run.blocks])
        return x

    return dense if isinstance(model, ViTAdapter) else sparse


def timed(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every round, each round one forward of each."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number:  # the first warms up
                found[name].append(1e3 * (time.perf_counter() - started))
    return found


def ratio(times: dict[str, list[float]], name: str, other: str) -> float:
    """Median over the rounds: drift meets both sides of a round."""
    return statistics.median(a / b for a, b in zip(times[name], times[other], strict=True))


def main() -> int:
    """Print one line per variant, size and scope; 0 where sparse is faster than keeping all everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", nargs="+", default=["tiny", "small"], choices=["nano", "tiny", "small"])
    parser.add_argument("--img-sizes", type=int, nargs="+", default=[448, 800])
    parser.add_argument("--rounds", type=int, default=7, help="forwards of each")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    torch.manual_seed(0)
    print(f"batch 1, float32, one CPU thread, {arguments.rounds} rounds; sparse = {SPARSE}")
    print(
        f"{'variant':<8} {'image':>6} {'scope':<7} {'dense ms':>9} {'all ms':>9} {'sparse ms':>9} "
        f"{'sparse/dense':>13} {'sparse/all':>11} {'all/dense':>10} {'MACs':>6}"
    )
    slower = False
    for variant in arguments.variants:
        dense, model = build(f"vit_adapter_{variant}").eval(), build(f"svit_adapter_{variant}").eval()
        assert isinstance(dense, ViTAdapter) and isinstance(model, SelectiveViTAdapter)
        for side in arguments.img_sizes:
            image = torch.randn(1, 3, side, side)
            size = model.adapter.grid((side, side))
            tokens = torch.randn(1, size[0] * size[1], model.adapter.embed_dim)
            whole = {
                "dense": partial(dense, image),
                "all": partial(model, image),
                "sparse": partial(model, image, SPARSE),
            }
            blocks = {
                "dense": blocks_of(dense, tokens, size, {}),
                "all": blocks_of(model, tokens, size, {}),
                "sparse": blocks_of(model, tokens, size, SPARSE),
            }
            every, pruned = model.work({}, (side, side)), model.work(SPARSE, (side, side))
            counts = {
                "whole": (pruned.macs, every.macs),
                "blocks": tuple(sum(block.macs for block in work.blocks[:12]) for work in (pruned, every)),
            }
            for scope, runs in (("whole", whole), ("blocks", blocks)):
                with torch.inference_mode():
                    times = timed(runs, arguments.rounds)
                middle = [statistics.median(times[name]) for name in runs]
                slower = slower or ratio(times, "sparse", "all") >= 1
                print(
                    f"{variant:<8} {side:>6} {scope:<7} {middle[0]:>9.1f} {middle[1]:>9.1f} {middle[2]:>9.1f} "
                    f"{ratio(times, 'sparse', 'dense'):>13.3f} {ratio(times, 'sparse', 'all'):>11.3f} "
                    f"{ratio(times, 'all', 'dense'):>10.3f} {counts[scope][0] / counts[scope][1]:>6.3f}",
                    flush=True,
                )
    print(f"sparse faster than keeping all, everywhere: {'no' if slower else 'yes'}")
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
