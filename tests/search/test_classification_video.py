"""A tiny classifier of clips: views, evaluation, timing, training, and a whole search that needs no fine-tuning."""

from pathlib import Path

import numpy as np
import pytest
import torch

from latency.runtimes import make_timer
from latency.setting import Setting
from models.plan import Plan
from search import flow
from search.evaluators.classification import ClassificationEvaluator, ClassificationFactory
from search.export.literals import parse
from search.export.verify import Wanted, verify
from search.flow import Request
from search.records import Event
from search.targets import Target
from search.timed import load
from search.training import test as run_test
from search.training import train
from tests.search.classifying import write_target
from tests.search.support import job

SPARSE = Plan.of({"location": 1})
SIZE = (32, 32)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return write_target(tmp_path_factory.mktemp("tiny"), video=True)


@pytest.fixture(scope="module")
def evaluator(target: Target) -> ClassificationEvaluator:
    assert target.config is not None and target.checkpoint is not None
    return ClassificationFactory(target.config, target.checkpoint, threads=1)()


def test_metrics_equal_those_of_the_test_command(evaluator: ClassificationEvaluator, target: Target) -> None:
    assert target.kind == "video"
    ours, theirs = evaluator.evaluate(Plan(), "report"), run_test(target.config, target.checkpoint)
    assert ours.metrics == {name: pytest.approx(100 * theirs[name]) for name in ("top1", "top5")}
    assert ours.images == 20 == len(ours.per_image)


def test_a_video_scores_the_mean_of_the_probabilities_of_its_views(evaluator: ClassificationEvaluator) -> None:
    split, images = evaluator.split("search"), evaluator.images("search")
    assert images.loaded[0]["img"].shape == (3, 2, 4, 3, 32, 32)  # crops, clips, frames
    (scores,) = evaluator.scores(SPARSE, split, images, [4])
    views = split.dataset.finish(torch.from_numpy(images.loaded[4]["img"]))
    assert views.shape == (6, 3, 4, 32, 32)
    with torch.no_grad():
        alone = [evaluator.model.cls_head(evaluator.model.backbone(view[None], SPARSE)[0]).softmax(1) for view in views]
    assert np.abs(scores[0] - torch.cat(alone).mean(0).numpy()).max() < 1e-6
    assert scores.sum() == pytest.approx(1.0)


def test_clusters_change_the_scores(evaluator: ClassificationEvaluator) -> None:
    split, images = evaluator.split("search"), evaluator.images("search")
    dense, sparse = (np.concatenate(list(evaluator.scores(plan, split, images, [0, 1]))) for plan in (Plan(), SPARSE))
    assert np.abs(dense - sparse).max() > 1e-5


@pytest.mark.parametrize("scope", ["backbone", "model"])
def test_models_of_clips_are_timed_on_clips(target: Target, scope: str) -> None:
    module, backbone = load(str(target.config), target.checkpoint, scope)
    seen: list[tuple[int, ...]] = []
    inner = module if scope == "backbone" else module.model.backbone
    inner.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape)))
    setting = Setting(scope=scope, batch=2, input_size=SIZE, device="cpu", threads=1)  # type: ignore[arg-type]
    # a timer copies the module, hooks included
    make_timer(module, setting).time_block(backbone.space(SIZE).dense, 2)
    assert set(seen) == {(2, 3, 4, 32, 32)}


def test_training_works_and_a_search_says_that_it_is_not_needed(target: Target, tmp_path: Path) -> None:
    events: list[Event] = []
    asked = job(
        1e3,
        target="tiny",
        setting=Setting(device="sim:0", input_size=SIZE),
        metric="top1",
        evaluations=4,
        images=8,
    )
    flow.run(Request(asked, target, done=(), archive=(), models=(), folder=tmp_path, bundles=tmp_path), events.append)
    (exported,) = [event.data for event in events if event.kind == "export"]
    bundle = Path(exported["path"])
    items = {item.name: item.passed for item in verify(bundle, Wanted())}
    assert items.pop("accuracy") and all(passed is not False for passed in items.values()), items
    text = (bundle / "README.md").read_text()
    weights = parse((bundle / "finetune.py").read_text())["load_from"].rpartition("/")[2]
    assert "**No fine-tuning is needed**" in text
    assert f"sparsearch test finetune.py {weights} --eval top_k_accuracy" in text
    assert "No fine-tuning is needed" in (bundle / "finetune.py").read_text()
    found = run_test(bundle / "finetune.py", bundle / weights)
    done = train(bundle / "finetune.py", tmp_path / "work", options={"runner.max_epochs": 1}, validate=False)
    assert set(run_test(bundle / "finetune.py", done.checkpoint)) == set(found) == {"top1", "top5"}
