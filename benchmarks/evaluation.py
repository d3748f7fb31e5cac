"""Accuracy evaluations per second with one and two workers: `python -m benchmarks.evaluation`.

The built-in target, 64 images an evaluation, the same plans for both; the pools are warm before the clock starts.
"""

import argparse
import time

from models.plan import Plan
from search.evaluators.detection import DetectionFactory
from search.pools.ray import RayPool
from search.targets import find

PLANS = [Plan.of({"stage0": tenth / 10}) for tenth in range(8)]


def main() -> None:
    """Print one line per pool and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    images = parser.parse_args().images
    target = find("digits-sparsevit")
    assert target.config is not None and target.checkpoint is not None
    factory = DetectionFactory(target.config, target.checkpoint, images=images, threads=1)
    rates = {}
    for workers in (1, 2):
        pool = RayPool(factory, workers)
        try:
            list(pool.evaluate(PLANS[:workers]))
            started = time.perf_counter()
            done = len(list(pool.evaluate(PLANS)))
            rates[workers] = done / (time.perf_counter() - started)
        finally:
            pool.close()
        print(f"{workers} worker(s): {rates[workers]:.3f} evaluations/s ({images} images each)", flush=True)
    print(f"2 workers / 1 worker: {rates[2] / rates[1]:.2f}")


if __name__ == "__main__":
    main()
