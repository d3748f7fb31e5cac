"""Accuracy of a plan: box and mask mAP of an mmdet detector on blocks of images."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.plan import Plan
from search.errors import EvaluationError, NotFiniteError, TargetError
from search.evaluators.coco import score, to_coco
from search.evaluators.images import Images, decode
from search.evaluators.splits import Split, open_split
from search.records import Evaluation
from search.training import read_config

BLOCK = 16
"""Images per block of the common order: the steps that racing would take."""

Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class DetectionFactory:
    """Builds a `DetectionEvaluator` where it is called; cheap to send to a worker.

    Args:
        config, checkpoint: of the detector.
        device: "cpu" or "cuda:0".
        images: images per split; None: all.
        threads: CPU threads of an evaluator; None: torch's default.
    """

    config: Path
    checkpoint: Path
    device: str = "cpu"
    images: int | None = None
    threads: int | None = None

    def __call__(self) -> "DetectionEvaluator":
        """A loaded evaluator.

        Raises:
            TargetError: config or checkpoint cannot be used.
        """
        return DetectionEvaluator(self)

    def share(self, split: str) -> Images:
        """The decoded images of a split, for workers that share memory."""
        config = read_config(self.config)
        return decode(open_split(config, split, self.images), _pipeline(config, split))


class DetectionEvaluator:
    """A loaded detector and the images it has seen so far. One plan at a time.

    Args:
        factory: what to load.
    Raises:
        TargetError: config or checkpoint cannot be used.
    """

    def __init__(self, factory: DetectionFactory) -> None:
        import torch

        if factory.threads is not None:
            torch.set_num_threads(factory.threads)
        self._factory = factory
        self._config = read_config(factory.config)
        self.detector = load(self._config, factory.checkpoint, factory.device)
        self._splits: dict[str, Split] = {}
        self._images: dict[str, Images] = {}

    def digest(self, split: str) -> str:
        """See `Evaluator.digest`."""
        return self._split(split).digest

    def adopt(self, split: str, images: Images) -> None:
        """Use images that somebody else decoded."""
        self._images.setdefault(split, images)

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        """See `Evaluator.evaluate`."""
        started = time.monotonic()
        chosen = self._split(split)
        count = len(chosen.positions)
        wanted = range(math.ceil(count / BLOCK)) if blocks is None else blocks
        numbers = [i for block in wanted for i in range(block * BLOCK, min((block + 1) * BLOCK, count))]
        if not numbers:
            raise EvaluationError(f"blocks {list(wanted)} hold no image; split {split!r} has {count} images")
        found: dict[str, list[dict[str, Any]]] = {}
        ids = []
        for number, result in zip(numbers, self.detect(plan, split, numbers), strict=True):
            image_id = chosen.dataset.data_infos[chosen.positions[number]]["id"]
            ids.append(image_id)
            for kind, entries in to_coco(result, image_id, chosen.dataset.cat_ids).items():
                found.setdefault(kind, []).extend(entries)
        metrics, table = score(chosen.dataset.coco, found, ids)
        if not all(math.isfinite(value) for value in metrics.values()):
            raise NotFiniteError(f"plan {plan}: metrics are not finite: {metrics}")
        return Evaluation(plan, len(ids), split, metrics, table, time.monotonic() - started, chosen.digest)

    def detect(self, plan: Plan, split: str, numbers: Sequence[int]) -> Iterator[Any]:
        """mmdet's result for each image, by its number in the common order."""
        import torch
        from mmcv.parallel import collate, scatter
        from mmdet.core import encode_mask_results
        from mmdet.datasets.pipelines import Compose

        from models.mmdet_adapter import use_plan

        if split not in self._images:
            self._images[split] = decode(self._split(split), _pipeline(self._config, split))
        transform = Compose(_pipeline(self._config, split)[1:])
        device = torch.device(self._factory.device)
        with torch.inference_mode(), use_plan(plan):
            for number in numbers:
                batch = collate([transform(dict(self._images[split].loaded[number]))], samples_per_gpu=1)
                if device.type == "cuda":
                    batch = scatter(batch, [device])[0]
                else:
                    batch["img_metas"] = [metas.data[0] for metas in batch["img_metas"]]
                result = self.detector(return_loss=False, rescale=True, **batch)[0]
                yield (result[0], encode_mask_results(result[1])) if isinstance(result, tuple) else result

    def close(self) -> None:
        """Free the detector and the images."""
        self._images.clear()
        self._splits.clear()

    def _split(self, name: str) -> Split:
        if name not in self._splits:
            self._splits[name] = open_split(self._config, name, self._factory.images)
        return self._splits[name]


def load(config: Any, checkpoint: Path, device: str) -> Any:
    """The detector of a config with its weights, strictly loaded, ready to run.

    Raises:
        TargetError: the model cannot be built or the weights do not fit; says why.
    """
    from mmdet.models import build_detector

    from models.checkpoint import load_detector

    try:
        with contextlib.suppress(KeyError):
            config.model.backbone.pop("init_cfg")
        detector = build_detector(config.model)
        load_detector(detector, checkpoint)
    except ModelError as error:
        raise TargetError(str(error)) from error
    except Exception as error:  # mmdet raises whatever its constructors raise
        raise TargetError(f"config {config.filename}: the model cannot be built: {error}") from error
    return detector.to(device).eval()


def _pipeline(config: Any, split: str) -> list[dict[str, Any]]:
    source = config.data.get(split) or config.data.get("test" if split == "report" else "val")
    pipeline: list[dict[str, Any]] = source["pipeline"]
    return pipeline
