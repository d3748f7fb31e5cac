"""The detection evaluator against mmdet's own evaluation, on the built-in target."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mmcv import Config

from models.plan import Plan
from search.errors import EvaluationError, TargetError
from search.evaluators.detection import BLOCK, DetectionEvaluator, DetectionFactory
from search.evaluators.splits import open_split
from search.targets import find
from search.training import read_config

TARGET = find("digits-sparsevit")
CONFIG, CHECKPOINT = TARGET.config, TARGET.checkpoint
assert CONFIG is not None and CHECKPOINT is not None
IMAGES = 20
SPARSE = Plan.of({"stage0": 0.5, "stage1": 0.3})


@pytest.fixture(scope="module")
def evaluator() -> DetectionEvaluator:
    return DetectionFactory(CONFIG, CHECKPOINT, images=IMAGES, threads=1)()


def average_precision(table: dict, image_ids: list[str]) -> float:
    """COCO's mean average precision, recomputed from the table of matches."""
    values = []
    categories = {category for image in image_ids for category in table.get(image, {})}
    for category in categories:
        entries = [table[image][category] for image in image_ids if category in table.get(image, {})]
        objects = sum(entry[0] for entry in entries)
        if not objects:
            continue
        rows = sorted((row for entry in entries for row in entry[1]), key=lambda row: -row[0])
        for threshold in range(10):
            hits = np.cumsum([row[1] >> threshold & 1 for row in rows])
            recall, precision = hits / objects, hits / np.arange(1, len(rows) + 1)
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
            values.append(np.mean([envelope[place] if place < len(rows) else 0.0 for place in places]))
    return 100 * float(np.mean(values))


def test_metrics_equal_mmdets_own_evaluation(evaluator: DetectionEvaluator) -> None:
    ours = evaluator.evaluate(SPARSE)
    split = open_split(read_config(CONFIG), "search", IMAGES)
    results = dict(zip(split.positions, evaluator.detect(SPARSE, "search", range(IMAGES)), strict=True))
    dataset = split.dataset
    dataset.data_infos = [dataset.data_infos[position] for position in split.positions]
    dataset.img_ids = [info["id"] for info in dataset.data_infos]
    theirs = dataset.evaluate([results[position] for position in split.positions], metric=["bbox", "segm"])
    for name in ("bbox_mAP", "bbox_mAP_50", "segm_mAP", "segm_mAP_75"):
        assert ours.metrics[name] == pytest.approx(100 * theirs[name], abs=0.06)  # mmdet rounds to 0.1
    assert ours.metrics["bbox_mAP"] > 30
    assert ours.images == IMAGES


def test_table_of_matches_gives_the_metric_of_any_subset(evaluator: DetectionEvaluator) -> None:
    whole, first = evaluator.evaluate(SPARSE), evaluator.evaluate(SPARSE, blocks=[0])
    assert first.images == BLOCK
    images = list(first.per_image)
    assert average_precision(dict(whole.per_image), list(whole.per_image)) == pytest.approx(
        whole.metrics["bbox_mAP"], abs=0.01
    )
    assert average_precision(dict(whole.per_image), images) == pytest.approx(first.metrics["bbox_mAP"], abs=0.01)


def test_sparsity_reaches_the_backbone(evaluator: DetectionEvaluator) -> None:
    dense, sparse = evaluator.evaluate(Plan()), evaluator.evaluate(Plan.of({"stage0": 0.8, "stage2": 0.8}))
    assert dense.metrics["bbox_mAP"] > sparse.metrics["bbox_mAP"]


def test_digest_tells_splits_and_numbers_of_images_apart(evaluator: DetectionEvaluator) -> None:
    fewer = DetectionFactory(CONFIG, CHECKPOINT, images=8, threads=1)()
    digests = {evaluator.digest("search"), evaluator.digest("confirm"), fewer.digest("search")}
    assert len(digests) == 3
    assert evaluator.evaluate(SPARSE).data == evaluator.digest("search")


def test_block_beyond_the_images_is_refused(evaluator: DetectionEvaluator) -> None:
    with pytest.raises(EvaluationError, match="hold no image"):
        evaluator.evaluate(SPARSE, blocks=[99])


def coco_copy(tmp_path: Path, images: int = 3) -> Config:
    """A config whose validation data is a plain COCO folder."""
    config = read_config(CONFIG)
    split = open_split(config, "search", images)
    source = Path(split.dataset.img_prefix)
    (tmp_path / "images").mkdir()
    for info in split.dataset.data_infos:
        shutil.copy(source / info["filename"], tmp_path / "images")
    shutil.copy(split.dataset.ann_file, tmp_path / "annotations.json")
    pipeline = config.data.search.pipeline
    plain = {"type": "CocoDataset", "classes": tuple("0123456789"), "pipeline": pipeline}
    plain |= {"ann_file": str(tmp_path / "annotations.json"), "img_prefix": str(tmp_path / "images")}
    return Config({"data": {"val": plain}})


def test_validation_images_are_halved_when_a_config_has_no_splits(tmp_path: Path) -> None:
    config = coco_copy(tmp_path)
    search, confirm = open_split(config, "search"), open_split(config, "confirm")
    assert not set(search.positions) & set(confirm.positions)
    assert len(search.positions) + len(confirm.positions) == len(search.dataset)


def test_missing_image_is_named(tmp_path: Path) -> None:
    config = coco_copy(tmp_path)
    victim = sorted((tmp_path / "images").iterdir())[0]
    victim.unlink()
    with pytest.raises(TargetError, match=rf"{victim.name} is missing"):
        open_split(config, "search")
        open_split(config, "confirm")


def test_empty_annotations_are_named(tmp_path: Path) -> None:
    config = coco_copy(tmp_path)
    (tmp_path / "annotations.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(TargetError, match=r"annotations\.json"):
        open_split(config, "search")


def test_checkpoint_of_another_model_is_explained(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(f"_base_ = {str(CONFIG)!r}\nmodel = dict(backbone=dict(embed_dims=32))\n")
    with pytest.raises(TargetError, match="different shapes"):
        DetectionFactory(other, CHECKPOINT)()


@pytest.mark.parametrize(
    ("text", "message"),
    [("model = 3 +", "cannot be read"), ("x = 1", "no `model` or no `data`"), ("import nowhere", "cannot be read")],
)
def test_broken_config_is_named(tmp_path: Path, text: str, message: str) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(text)
    with pytest.raises(TargetError, match=message) as caught:
        DetectionFactory(broken, CHECKPOINT)()
    assert "broken.py" in str(caught.value)
