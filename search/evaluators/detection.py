"""Accuracy of a plan: box and mask mAP of an mmdet detector on blocks of images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from models.plan import Plan
from search.evaluators.blocks import BLOCK, BlockEvaluator, Found, ModelFactory, load
from search.evaluators.coco import score, to_coco
from search.evaluators.images import Images, decode
from search.evaluators.splits import Split, open_split
from search.training import read_config

__all__ = ["BLOCK", "DetectionEvaluator", "DetectionFactory", "load"]


@dataclass(frozen=True)
class DetectionFactory(ModelFactory):
    """Builds a `DetectionEvaluator`; see `ModelFactory`."""

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


class DetectionEvaluator(BlockEvaluator):
    """A loaded detector; see `BlockEvaluator`."""

    @property
    def detector(self) -> Any:
        """The mmdet model."""
        return self.model

    def read(self, split: Split) -> Images:
        """See `BlockEvaluator.read`."""
        return decode(split, _pipeline(self._config, split.name))

    def score(self, plan: Plan, split: Split, images: Images, numbers: Sequence[int]) -> Found:
        """See `BlockEvaluator.score`; the table is that of `search.evaluators.coco.match_table`."""
        found: dict[str, list[dict[str, Any]]] = {}
        ids = []
        for number, result in zip(numbers, self.detect(plan, split.name, numbers), strict=True):
            image_id = split.dataset.data_infos[split.positions[number]]["id"]
            ids.append(image_id)
            for kind, entries in to_coco(result, image_id, split.dataset.cat_ids).items():
                found.setdefault(kind, []).extend(entries)
        return score(split.dataset.coco, found, ids)

    def detect(self, plan: Plan, split: str, numbers: Sequence[int]) -> Iterator[Any]:
        """mmdet's result for each image, by its number in the common order."""
        import torch
        from mmcv.parallel import collate, scatter
        from mmdet.core import encode_mask_results
        from mmdet.datasets.pipelines import Compose

        from models.mmdet_adapter import use_plan

        images = self.images(split)
        transform = Compose(_pipeline(self._config, split)[1:])
        device = torch.device(self._factory.device)
        with torch.inference_mode(), use_plan(plan):
            for number in numbers:
                batch = collate([transform(dict(images.loaded[number]))], samples_per_gpu=1)
                if device.type == "cuda":
                    batch = scatter(batch, [device])[0]
                else:
                    batch["img_metas"] = [metas.data[0] for metas in batch["img_metas"]]
                result = self.model(return_loss=False, rescale=True, **batch)[0]
                yield (result[0], encode_mask_results(result[1])) if isinstance(result, tuple) else result


def _pipeline(config: Any, split: str) -> list[dict[str, Any]]:
    source = config.data.get(split) or config.data.get("test" if split == "report" else "val")
    pipeline: list[dict[str, Any]] = source["pipeline"]
    return pipeline
