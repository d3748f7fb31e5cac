"""Latency of the Swin-T backbone on this machine: `python -m benchmarks.backbone`.

Sparse against dense, side by side in one interleaved session, beside the ratio of their MACs; then the latency model:
what a plan costs to measure, and how far predictions are off on plans the model has not seen.
"""

import argparse
import time
from random import Random

import torch

from latency.design import designed_plans, validation_plans
from latency.fingerprint import fingerprint
from latency.lock import device_lock
from latency.measure import measure_plans
from latency.predictor import fit
from latency.record import Measurement
from latency.runtimes import make_timer
from latency.setting import Setting
from latency.stopping import PRECISE, QUICK, Stopping
from models.plan import Plan
from models.sparsevit import SparseViT
from models.zoo import build

PLANS = {
    "published 42 ms": {"stage0": 0.3, "stage2_1": 0.1, "stage2_2": 0.2, "stage2_3": 0.2},
    "published 35 ms": {"stage0": 0.6, "stage2_1": 0.2, "stage2_2": 0.4, "stage2_3": 0.5},
    "published 33 ms": {"stage0": 0.7, "stage2_1": 0.2, "stage2_2": 0.4, "stage2_3": 0.5},
    "uniform 0.6": dict.fromkeys(("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3"), 0.6),
}
UNSEEN = 10


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--img-size", type=int, default=448)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    backbone = build("sparsevit_tiny").eval()
    assert isinstance(backbone, SparseViT)
    size = (arguments.img_size, arguments.img_size)
    setting = Setting(input_size=size, threads=arguments.threads)
    device = fingerprint(setting)
    print(f"SparseViT-T backbone, batch 1, {size[0]} x {size[1]}, float32, {device.name}, threads: {arguments.threads}")
    space = backbone.space(size)
    timer = make_timer(backbone, setting)

    def measured(plans: list[Plan], stopping: Stopping, seed: int) -> list[Measurement]:
        with device_lock(setting.device, purpose="benchmark"):
            return measure_plans(timer, plans, setting, device, space.dense, Random(seed), stopping)

    dense_macs = backbone.work({}, size).macs
    dense, *sparse = measured([space.dense, *map(space.plan, PLANS.values())], PRECISE, 0)
    print(f"\ndense: {dense.median_ms:.1f} ms, {dense_macs / 1e9:.2f} GMACs")
    print(f"{'plan':<18} {'ms':>8} {'of dense':>9} {'95 % interval':>17} {'MACs':>7} {'latency/MACs':>13}")
    for name, record in zip(PLANS, sparse, strict=True):
        macs = backbone.work(record.plan, size).macs / dense_macs
        low, high = record.ratio_interval
        print(
            f"{name:<18} {record.median_ms:>8.1f} {record.ratio:>9.3f} {low:>8.3f}..{high:.3f} "
            f"{macs:>7.3f} {record.ratio / macs:>13.2f}"
        )

    def work(plan: Plan) -> object:
        return backbone.work(plan, size)

    designed = designed_plans(space, work)  # type: ignore[arg-type]
    unseen = validation_plans(space, UNSEEN, seed=1)
    started = time.perf_counter()
    records = measured([*designed, *unseen], QUICK, 1)
    seconds = time.perf_counter() - started
    model = fit(records[: len(designed)], space, work)  # type: ignore[arg-type]
    print(f"\nlatency model: {len(designed)} designed plans; {seconds / len(records):.2f} s per measured plan")
    errors = []
    for record, predicted in zip(records[len(designed) :], model.predict_ms(unseen), strict=True):
        errors.append(predicted / record.median_ms - 1)
        print(f"  {record.median_ms:7.1f} ms measured {predicted:7.1f} ms predicted {errors[-1]:+7.2%}   {record.plan}")
    mean = sum(map(abs, errors)) / len(errors)
    print(f"{UNSEEN} unseen plans: mean absolute error {mean:.2%}, worst {max(map(abs, errors)):.2%}")


if __name__ == "__main__":
    main()
