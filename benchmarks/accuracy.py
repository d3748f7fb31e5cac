"""Accuracy of the shipped digits models on their report split.

    python -m benchmarks.accuracy --out samples/logs/metrics.json

Dense and uniform plans, box and mask mAP in 0..100, of the files that are shipped (half precision on disk, run in
single precision).
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from models.plan import Plan
from models.sparsevit_geometry import all_knobs
from search.evaluators.detection import DetectionFactory
from search.targets import find

RATIOS = (0.0, 0.3, 0.6, 0.8)
WEIGHTS = Path(__file__).resolve().parents[1] / "samples" / "weights"


def measure(config: Path, checkpoint: Path, images: int | None = None) -> dict[str, Any]:
    """Metrics of one file, by uniform ratio."""
    evaluator = DetectionFactory(config, checkpoint, images=images)()
    depths = tuple(len(stage.blocks) for stage in evaluator.detector.backbone.stages)
    by_ratio: dict[str, Any] = {}
    for ratio in RATIOS:
        plan = Plan.of(dict.fromkeys(all_knobs(depths), ratio))
        found = evaluator.evaluate(plan, "report")
        by_ratio[f"{ratio:g}"] = {name: round(value, 2) for name, value in found.metrics.items()}
        print(checkpoint.name, f"uniform {ratio:g}:", by_ratio[f"{ratio:g}"], f"({found.seconds:.0f} s)", flush=True)
    with checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "images": found.images, "data": found.data, "split": "report", "uniform": by_ratio}


def main() -> None:
    """Measure every shipped file and write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=int, help="fewer images than the whole split")
    parser.add_argument("checkpoints", type=Path, nargs="*", default=sorted(WEIGHTS.glob("*.safetensors")))
    chosen = parser.parse_args()
    config = find("digits-sparsevit").config
    assert config is not None
    metrics = {path.name: measure(config, path, chosen.images) for path in chosen.checkpoints}
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
