"""The classification evaluator against mmdet's own test loop, on a tiny target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.plan import Plan
from search import training
from search.errors import EvaluationError, NotFiniteError, TargetError
from search.evaluators.classification import (
    BLOCK,
    ClassificationEvaluator,
    ClassificationFactory,
    batches,
    decode,
)
from search.evaluators.splits import open_split
from search.targets import Target
from tests.search.classifying import write_target

SPARSE = Plan.of({"grid0": 4, "grid1": 2})


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return write_target(tmp_path_factory.mktemp("tiny"))


def factory(target: Target, **changes: Any) -> ClassificationFactory:
    assert target.config is not None and target.checkpoint is not None
    return ClassificationFactory(target.config, target.checkpoint, threads=1, **changes)


@pytest.fixture(scope="module")
def evaluator(target: Target) -> ClassificationEvaluator:
    return factory(target)()


def test_metrics_equal_those_of_the_test_command(evaluator: ClassificationEvaluator, target: Target) -> None:
    ours = evaluator.evaluate(Plan(), "report")
    theirs = training.test(target.config, target.checkpoint, ["top_k_accuracy", "mean_class_accuracy"])
    assert ours.metrics == {name: pytest.approx(100 * theirs[name]) for name in ("top1", "top5")}
    assert 0 < ours.metrics["top1"] < ours.metrics["top5"] < 100
    assert 0 < theirs["mean_class"] < 1
    assert (ours.images, ours.split) == (40, "report")


def test_the_test_command_leaves_standard_output_to_its_answer(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    training.test(target.config, target.checkpoint)
    assert "task/s" not in capsys.readouterr().out


def test_table_of_ranks_gives_the_metric_of_any_subset(evaluator: ClassificationEvaluator) -> None:
    whole, first = evaluator.evaluate(SPARSE), evaluator.evaluate(SPARSE, blocks=[0])
    assert (whole.images, first.images) == (40, BLOCK)
    for found in (whole, first):
        ranks = np.array([rank for _, rank in found.per_image.values()])
        assert found.metrics["top1"] == pytest.approx(100 * (ranks == 0).mean())
        assert found.metrics["top5"] == pytest.approx(100 * (ranks < 5).mean())
    assert {image: whole.per_image[image] for image in first.per_image} == dict(first.per_image)
    samples = evaluator.split("search").dataset.samples
    assert all(samples[int(image)].label == label for image, (label, _) in whole.per_image.items())


def test_scores_of_an_image_depend_on_the_plan_but_not_on_what_else_is_evaluated(
    evaluator: ClassificationEvaluator, target: Target
) -> None:
    split, images = evaluator.split("search"), evaluator.images("search")

    def scores(plan: Plan, numbers: range) -> np.ndarray:
        return np.concatenate(list(evaluator.scores(plan, split, images, numbers)))

    whole = scores(SPARSE, range(40))
    assert np.array_equal(scores(SPARSE, range(16, 32)), whole[16:32])
    assert np.abs(scores(SPARSE, range(3)) - whole[:3]).max() < 1e-5
    assert np.abs(scores(Plan(), range(40)) - whole).max() > 1e-4
    again = factory(target)()
    assert again.evaluate(SPARSE).per_image == evaluator.evaluate(SPARSE).per_image


def sizes(numbers: Sequence[int], shapes: Sequence[int] = (), most: int = 1 << 30) -> list[int]:
    """Lengths of the batches of pictures with the given numbers and sides."""
    sides = shapes or [4] * len(numbers)
    read = ((number, torch.zeros(3, side, side)) for number, side in zip(numbers, sides, strict=True))
    return [len(batch) for batch in batches(read, most)]


def test_a_batch_is_a_block_unless_shapes_differ_or_memory_ends() -> None:
    assert sizes([0, 1, 15, 16, 17, 33]) == [3, 2, 1]
    assert sizes([0, 1, 2, 3], [4, 4, 5, 4]) == [2, 1, 1]
    assert sizes(range(5), most=2 * 3 * 16 * 4) == [2, 2, 1]
    assert sizes(range(3), most=1) == [1, 1, 1]
    assert sizes([]) == []


def test_shared_images_give_the_same_answer_without_being_decoded(target: Target) -> None:
    made = factory(target)
    images = made.share("search")
    for one in images.loaded:
        one["img"].flags.writeable = False
    worker = made()
    worker.adopt("search", images)
    assert worker.images("search") is images
    assert worker.evaluate(SPARSE).metrics == made().evaluate(SPARSE).metrics


def test_what_does_not_fit_the_memory_is_decoded_again(target: Target) -> None:
    split = open_split(training.read_config(target.config), "search")
    some = decode(split, most=5 * 3 * 64 * 64)
    assert len(some) == 5
    worker = factory(target)()
    worker.adopt("search", some)
    assert worker.evaluate(SPARSE).per_image == factory(target)().evaluate(SPARSE).per_image


def test_digest_tells_splits_and_numbers_of_images_apart(evaluator: ClassificationEvaluator, target: Target) -> None:
    fewer = factory(target, images=8)()
    assert len({evaluator.digest("search"), evaluator.digest("confirm"), fewer.digest("search")}) == 3
    assert fewer.evaluate(SPARSE).images == 8
    assert evaluator.evaluate(SPARSE).data == evaluator.digest("search")


def test_block_beyond_the_images_is_refused(evaluator: ClassificationEvaluator) -> None:
    with pytest.raises(EvaluationError, match="hold no image"):
        evaluator.evaluate(SPARSE, blocks=[9])


def test_scores_that_are_no_numbers_are_named(target: Target) -> None:
    broken = factory(target, images=4)()
    with torch.no_grad():
        broken.model.backbone.head.bias.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="not finite"):
        broken.evaluate(SPARSE)


def changed(target: Target, folder: Path, text: str) -> Target:
    path = folder / "changed.py"
    path.write_text(f"_base_ = {str(target.config)!r}\n{text}\n")
    return Target.from_dict({**target.to_dict(), "config": str(path)})


def test_missing_class_folder_is_named(target: Target, tmp_path: Path) -> None:
    source = Path(open_split(training.read_config(target.config), "search").dataset.img_prefix)
    (tmp_path / "images").mkdir()
    for folder in source.iterdir():
        if folder.name != "7" and any(folder.iterdir()):
            (tmp_path / "images" / folder.name).symlink_to(folder)
    text = (
        f"data = dict(search=dict(_delete_=True, type='ImageFolder', data_prefix={str(tmp_path / 'images')!r}, "
        "pipeline={{_base_.pipeline}}))"
    )
    with pytest.raises(TargetError, match=r"tells 10 classes apart, .*images has \d; is a class folder missing"):
        factory(changed(target, tmp_path, text))().evaluate(SPARSE)


def test_data_of_another_task_are_named(target: Target, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg", "height": 9, "width": 9}], '
        '"annotations": [], "categories": [{"id": 1, "name": "x"}]}'
    )
    (tmp_path / "a.jpg").write_bytes(b"x")
    text = (
        f"data = dict(search=dict(_delete_=True, type='CocoDataset', ann_file={str(tmp_path / 'a.json')!r}, "
        f"img_prefix={str(tmp_path)!r}, classes=('x',), pipeline=[]))"
    )
    with pytest.raises(TargetError, match="CocoDataset has no labels of whole images"):
        factory(changed(target, tmp_path, text))().evaluate(SPARSE)


def test_metric_of_another_task_is_refused(target: Target) -> None:
    with pytest.raises(TargetError, match="--eval 'bbox' means nothing for classification; choose top_k_accuracy"):
        training.test(target.config, target.checkpoint, ["bbox"])
