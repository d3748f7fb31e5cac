"""The classifiers as mmdet sees them: losses, scores, checkpoints in the layouts that are released."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmcv import ConfigDict
from mmdet.models import build_detector
from torch import nn

import sparsearch
from models.checkpoint import load_detector
from models.errors import CheckpointError, InputError, ModelError
from models.mmdet_adapter import use_plan
from models.super_token import SuperTokenClassifier

sparsearch.register()

SMALL: dict[str, Any] = {
    "embed_dims": (8, 8),
    "depths": (1, 1),
    "num_heads": (1, 2),
    "grid": (1, 1),
    "iterations": (1, 1),
    "layer_scale": (None, None),
    "projection": 16,
    "num_classes": 3,
}


def image_classifier(**options: Any) -> Any:
    torch.manual_seed(0)
    backbone = {"type": "SuperTokenClassifier", **SMALL, "plan": {}}
    return build_detector(ConfigDict({"type": "ImageClassifier", "backbone": backbone, "num_classes": 3, **options}))


def video_classifier(**options: Any) -> Any:
    torch.manual_seed(0)
    backbone = {
        "type": "VideoSwin", "frames": 4, "embed_dims": 8, "depths": (1, 1), "num_heads": (1, 2),
        "window_size": (2, 4, 4), "plan": {},
    }  # fmt: skip
    head = {"in_channels": 16, "dropout_ratio": 0.0}
    made = {"type": "VideoClassifier", "backbone": backbone, "cls_head": head, "num_classes": 3, **options}
    return build_detector(ConfigDict(made))


def test_loss_is_the_cross_entropy_of_the_backbone() -> None:
    model, img, labels = image_classifier(label_smoothing=0.1), torch.randn(2, 3, 32, 32), torch.tensor([2, 0])
    losses = model(img=img, img_metas=[{}, {}], gt_label=labels)
    expected = nn.functional.cross_entropy(model.backbone(img), labels, label_smoothing=0.1)
    assert torch.allclose(losses["loss"], expected)
    assert losses["batch_top1"] == (model.backbone(img).argmax(1) == labels).float().mean()


def test_copies_of_a_sample_become_samples() -> None:
    model, img = image_classifier(), torch.randn(2, 3, 3, 32, 32)
    labels = torch.tensor([1, 2])
    losses = model(img=img, gt_label=labels)
    expected = nn.functional.cross_entropy(model.backbone(img.flatten(0, 1)), torch.tensor([1, 1, 1, 2, 2, 2]))
    assert torch.allclose(losses["loss"], expected)


def test_mixed_batches_have_no_share_of_hits() -> None:
    losses = image_classifier(mix={})(img=torch.randn(4, 3, 32, 32), gt_label=torch.tensor([0, 1, 2, 0]))
    assert set(losses) == {"loss"}


@pytest.mark.parametrize(("label", "message"), [(None, "needs gt_label"), (torch.tensor([0, 3]), "outside the model")])
def test_missing_and_foreign_labels_are_refused(label: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        image_classifier()(img=torch.randn(2, 3, 32, 32), gt_label=label)


@pytest.mark.parametrize("argument", ["train_cfg", "test_cfg", "pretrained"])
def test_arguments_of_detectors_are_refused(argument: str) -> None:
    with pytest.raises(ModelError, match="no train_cfg, test_cfg or pretrained"):
        image_classifier(**{argument: {"a": 1}})


def test_views_are_averaged_whatever_runs_together() -> None:
    img = torch.randn(2, 3, 3, 4, 32, 32)  # two videos in three views
    found = []
    for views in (1, 4, 100):
        model = video_classifier(max_testing_views=views).eval()
        with torch.no_grad():
            found.append(torch.tensor(np.stack(model(img=img, return_loss=False))))
    assert torch.allclose(found[0], found[1], atol=1e-6) and torch.allclose(found[1], found[2], atol=1e-6)
    assert torch.allclose(found[0].sum(1), torch.ones(2))


def test_a_plan_reaches_the_backbone_of_clips() -> None:
    model = video_classifier().eval()
    clip = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        dense = model.forward_dummy(clip)
        with use_plan({"location": 0}):
            sparse = model.forward_dummy(clip)
    assert (dense - sparse).abs().max() > 1e-6


def test_eval_mode_stays_where_asked_for() -> None:
    model = image_classifier(stay_in_eval=True).train()
    assert model.training and not any(module.training for module in model.backbone.modules())
    assert all(module.training for module in image_classifier().train().modules())


def test_files_of_bare_backbones_load_strictly(tmp_path: Path) -> None:
    model = image_classifier()
    bare = SuperTokenClassifier(**SMALL)
    torch.save({"model": bare.state_dict()}, tmp_path / "bare.pth")
    report = load_detector(model, tmp_path / "bare.pth")
    assert not report.ignored and not report.fresh
    assert torch.equal(model.backbone.head.weight, bare.head.weight)


def test_averages_beside_the_weights_are_left_out(tmp_path: Path) -> None:
    model = image_classifier()
    state = {**model.state_dict(), "ema_backbone_head_weight": torch.zeros(3, 16)}
    torch.save({"state_dict": state}, tmp_path / "averaged.pth")
    assert load_detector(model, tmp_path / "averaged.pth").ignored == ("ema_backbone_head_weight",)


@pytest.mark.parametrize("name", ["backbone.head.weight", "head.weight"])
def test_incomplete_files_are_refused(tmp_path: Path, name: str) -> None:
    model = image_classifier()
    prefix = "" if name.startswith("head") else "backbone."
    state = {key.removeprefix("backbone.") if not prefix else key: one for key, one in model.state_dict().items()}
    state.pop(name)
    torch.save({"state_dict": state}, tmp_path / "part.pth")
    with pytest.raises(CheckpointError, match=r"missing keys \(1\):\n  backbone\.head\.weight"):
        load_detector(model, tmp_path / "part.pth")


def test_released_layout_of_video_classifiers_loads_strictly(tmp_path: Path) -> None:
    """Index buffers, which files have and the model derives, are ignored."""
    model = video_classifier()
    names = set(model.state_dict())
    assert {"cls_head.fc_cls.weight", "cls_head.fc_cls.bias", "backbone.patch_embed.proj.weight"} <= names
    index = "backbone.layers.0.blocks.0.attn.relative_position_index"
    torch.save({"state_dict": {**model.state_dict(), index: torch.zeros(32, 32)}}, tmp_path / "file.pth")
    report = load_detector(model, tmp_path / "file.pth")
    assert not report.fresh and set(report.ignored) <= {index}
