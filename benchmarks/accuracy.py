"""Accuracy of built-in targets on their report split, from dense to sparsest.

    python -m benchmarks.accuracy digits-stvit-r --out samples/logs/metrics_stvit_r.json
    python -m benchmarks.accuracy digits-sparsevit --checkpoint samples/weights/digits_dense.safetensors

Plans go from dense to sparsest with all knobs together, each as far along its own values; metrics are in 0..100, of the
files that are shipped (half precision on disk, run in single precision).
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from models.space import Space
from search.rigs.model import EVALUATORS
from search.targets import Target, find

LEVELS = (0.0, 0.375, 0.75, 1.0)
"""How far every knob goes along its values. For SparseViT, uniform ratios of 0, 0.3, 0.6 and 0.8."""


def at_level(space: Space, level: float) -> tuple[int, ...]:
    """Positions of all knobs at a share of the way to their last value."""
    return tuple(int(level * (len(knob.values) - 1) + 0.5) for knob in space.knobs)


def measure(target: Target, checkpoint: Path, images: int | None = None) -> dict[str, Any]:
    """Metrics and work of one file at every level; levels that give the same plan are measured once."""
    assert target.config is not None
    evaluator = EVALUATORS[target.kind](target.config, checkpoint, images=images)()
    backbone = evaluator.model.backbone
    space = backbone.space(target.input_size)
    dense = backbone.work(space.dense, target.input_size).macs
    rows: list[dict[str, Any]] = []
    for level in LEVELS:
        plan = space.at(at_level(space, level))
        if any(row["plan"] == dict(plan) for row in rows):
            continue
        found = evaluator.evaluate(plan, "report")
        metrics = {name: round(value, 2) for name, value in found.metrics.items()}
        work = round(backbone.work(plan, target.input_size).macs / dense, 3)
        rows.append({"level": level, "plan": dict(plan), "macs": work, **metrics})
        print(
            checkpoint.name, f"level {level:g}:", metrics, f"{work:g} of the MACs ({found.seconds:.0f} s)", flush=True
        )
    with checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "images": found.images, "data": found.data, "split": "report", "levels": rows}


def main() -> None:
    """Measure the files of targets and write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", help="built-in targets")
    parser.add_argument("--checkpoint", type=Path, help="another file than the target's own")
    parser.add_argument("--out", type=Path, help="JSON file; what it says about other files is kept")
    parser.add_argument("--images", type=int, help="fewer images than the whole split")
    chosen = parser.parse_args()
    metrics: dict[str, Any] = {}
    if chosen.out is not None and chosen.out.is_file():
        metrics = json.loads(chosen.out.read_text(encoding="utf-8"))
    for name in chosen.targets:
        target = find(name)
        checkpoint = chosen.checkpoint or target.checkpoint
        metrics[checkpoint.name] = measure(target, checkpoint, chosen.images)
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
