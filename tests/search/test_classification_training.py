"""Training of classifiers through mmdet's loop: what a config may ask for, and what is refused."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoint import load_detector, read_checkpoint
from search import training
from search.errors import TargetError
from tests.search.classifying import write_target

ROOT = Path(__file__).parents[2]
MIXED = """
model = dict(label_smoothing=0.1, mix=dict(mixup=0.8, cutmix=1.0))
data = dict(samples_per_gpu=4, train=dict(repeats=2))
optimizer_config = dict(
    type="GradientCumulativeFp16OptimizerHook", cumulative_iters=2, loss_scale=512.0, grad_clip=None
)
lr_config = dict(
    policy="CosineAnnealing", min_lr=1e-5, by_epoch=True, warmup="linear", warmup_iters=1, warmup_ratio=1e-3,
    warmup_by_epoch=True,
)
runner = dict(max_epochs=2)
custom_hooks = [
    dict(type="SparsityAdaptationHook", seed=0), dict(type="EMAHook", momentum=4e-5, priority="ABOVE_NORMAL"),
]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("training")
    write_target(made)
    return made


def changed(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"_base_ = './tiny.py'\n{text}\n")
    return path


def logged(work_dir: Path) -> list[dict[str, Any]]:
    (log,) = work_dir.glob("*.log.json")
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_trains_validates_and_can_be_tested(folder: Path, tmp_path: Path) -> None:
    done = training.train(folder / "tiny.py", tmp_path)
    lines = logged(tmp_path)
    trained = [line for line in lines if line.get("mode") == "train"]
    assert {"loss", "batch_top1"} <= set(trained[-1])
    (validated,) = [line for line in lines if line.get("mode") == "val"]
    assert 0 <= validated["top1"] <= validated["top5"] <= 1
    found = training.test(folder / "tiny.py", done.checkpoint)
    assert set(found) == {"top1", "top5"}


@pytest.mark.filterwarnings("ignore:This overload of add_ is deprecated")  # mmcv's EMAHook
def test_the_published_recipe_trains_and_its_checkpoint_loads(folder: Path, tmp_path: Path) -> None:
    """Mixed and repeated samples, accumulated gradients, a cosine per epoch, averaged weights, random plans."""
    done = training.train(changed(folder, "mixed.py", MIXED), tmp_path)
    rates = [line["lr"] for line in logged(tmp_path) if line.get("mode") == "train"]
    assert rates[-1] < 1e-3
    names = read_checkpoint(done.checkpoint)
    assert any(name.startswith("ema_") for name in names)
    from mmdet.models import build_detector

    model = build_detector(training.read_config(folder / "tiny.py").model)
    report = load_detector(model, done.checkpoint)
    assert all(name.startswith("ema_") for name in report.ignored) and not report.fresh


def test_a_warm_up_may_end_within_an_epoch(folder: Path, tmp_path: Path) -> None:
    rate = "dict(policy='fixed', warmup='linear', warmup_by_epoch=True, warmup_iters=1.5, warmup_ratio=0.1)"
    text = f"lr_config = {rate}\nrunner = dict(max_epochs=2)\nlog_config = dict(interval=1)"
    training.train(changed(folder, "warm.py", text), tmp_path, validate=False)
    # 40 images in batches of 8, twice: 7.5 iterations are 8
    rates = [line["lr"] for line in logged(tmp_path) if line.get("mode") == "train"]
    assert rates == pytest.approx([1e-3 * (0.1 + 0.9 * min(1, count / 8)) for count in range(10)], rel=0.02)


def test_staying_in_eval_mode_leaves_the_statistics_alone(folder: Path, tmp_path: Path) -> None:
    text = "model = dict(stay_in_eval=True)\nload_from = '{}'\n".format(folder / "tiny.pth")
    done = training.train(changed(folder, "eval.py", text), tmp_path, validate=False)
    before, after = read_checkpoint(folder / "tiny.pth"), read_checkpoint(done.checkpoint)
    statistics = [name for name in before if name.endswith(("running_mean", "num_batches_tracked"))]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before["backbone.head.weight"], after["backbone.head.weight"])


def test_equal_seeds_train_equal_weights(folder: Path, tmp_path: Path) -> None:
    first, second = (
        read_checkpoint(training.train(folder / "tiny.py", tmp_path / name, validate=False).checkpoint)
        for name in ("a", "b")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_number_of_classes_is_refused(folder: Path, tmp_path: Path) -> None:
    config = changed(folder, "classes.py", "model = dict(num_classes=7, backbone=dict(num_classes=7))")
    with pytest.raises(TargetError, match=r"tells 7 classes apart, .* has 10; is a class folder missing"):
        training.train(config, tmp_path)


def test_a_damaged_image_ends_the_training_with_its_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images" / "0").mkdir(parents=True)
    (tmp_path / "images" / "0" / "broken.jpg").write_bytes(b"no image")
    text = (
        "model = dict(num_classes=1, backbone=dict(num_classes=1))\n"
        f"data = dict(train=dict(_delete_=True, type='ImageFolder', data_prefix={str(tmp_path / 'images')!r}, "
        "pipeline={{_base_.pipeline}}))"
    )
    with pytest.raises(TargetError, match=r"broken\.jpg cannot be decoded"):
        training.train(changed(folder, "damaged.py", text), tmp_path / "work", validate=False)


def test_two_ranks_train_one_model(folder: Path, tmp_path: Path) -> None:
    training.read_config(folder / "tiny.py")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    command += ["-m", "sparsearch", "train", str(changed(folder, "ranks.py", MIXED)), "--launcher", "pytorch"]
    done = subprocess.run(
        [*command, "--work-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # 40 images in repeats of 2, on two ranks in batches of 4: 3 iterations; one rank writes, for both
    assert {path.name for path in tmp_path.glob("*.pth")} == {"epoch_1.pth", "epoch_2.pth", "latest.pth"}
    assert len([line for line in logged(tmp_path) if line.get("mode") == "train"]) == 2
    assert torch.load(tmp_path / "epoch_2.pth", weights_only=False)["meta"]["iter"] == 6
