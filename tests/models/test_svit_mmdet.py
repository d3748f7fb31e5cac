"""Mask R-CNN around SViT: one loss more in training, the same detector otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmcv import Config
from mmdet.core import BitmapMasks
from mmdet.models import build_detector

import models.mmdet_adapter
import models.svit_mmdet  # noqa: F401
from models.errors import ModelError
from models.mmdet_adapter import use_plan

CONFIG = Path(__file__).parents[2] / "configs" / "digits" / "mask_rcnn_svit_adapter-nano_sparse_digits.py"


def detector(**changes: Any) -> Any:
    config = Config.fromfile(CONFIG)
    config.merge_from_dict({"model": changes})
    torch.manual_seed(0)
    return build_detector(config.model)


def batch(images: int = 2, side: int = 64) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    meta = {
        "img_shape": (side, side, 3),
        "pad_shape": (side, side, 3),
        "ori_shape": (side, side, 3),
        "scale_factor": np.ones(4, dtype=np.float32),
        "flip": False,
    }
    mask = np.zeros((1, side, side), dtype=np.uint8)
    mask[:, 8:40, 10:50] = 1
    return {
        "img": torch.randn(images, 3, side, side, generator=generator),
        "img_metas": [meta] * images,
        "gt_bboxes": [torch.tensor([[10.0, 8, 50, 40]])] * images,
        "gt_labels": [torch.tensor([1])] * images,
        "gt_masks": [BitmapMasks(mask, side, side)] * images,
    }


def test_training_adds_the_weighted_ratio_loss() -> None:
    found = []
    for weight in (4.0, 1.0):
        model = detector(ratio_loss_weight=weight, backbone={"plan": {"mode": "argmax"}}).train()
        losses = model(**batch(), return_loss=True)
        assert {"loss_rpn_cls", "loss_cls", "loss_mask", "loss_ratio"} <= set(losses)
        found.append(float(losses["loss_ratio"].detach()))
    assert found[0] == pytest.approx(4 * found[1]) and found[1] > 0


def test_a_training_step_moves_selectors_and_logs_the_loss() -> None:
    model = detector().train()
    step = model.train_step(batch(), None)
    assert step["log_vars"]["loss_ratio"] > 0 and step["num_samples"] == 2
    parts = [value for name, value in step["log_vars"].items() if "loss" in name and name != "loss"]
    assert float(step["loss"].detach()) == pytest.approx(sum(parts), rel=1e-4)
    step["loss"].backward()
    for name, parameter in model.backbone.named_parameters():
        assert parameter.grad is not None, name
    assert all(s.mlp["fc2"].weight.grad.abs().max() > 0 for s in model.backbone.selective_modules)


def test_the_plan_of_the_context_decides_in_training_too() -> None:
    model = detector().train()
    with use_plan({}):
        assert float(model.train_step(batch(), None)["log_vars"]["loss_ratio"]) == 0


def test_it_tests_like_any_detector() -> None:
    model, one = detector(backbone={"plan": {"keep": 0.5}}).eval(), batch(1)
    with torch.no_grad():
        results = model(return_loss=False, rescale=False, img=[one["img"]], img_metas=[one["img_metas"]])
    boxes, masks = results[0]
    assert len(boxes) == len(masks) == 10


@pytest.mark.parametrize("training", [False, True])
def test_features_reach_the_heads_with_channels_first(training: bool) -> None:
    # mmcv's RoIAlign does not look at strides: it would mix up channels and places, and training would not get anywhere
    model = detector(backbone={"plan": {"keep": 0.5}}).train(training)
    assert all(level.is_contiguous() for level in model.extract_feat(batch()["img"]))


def test_another_backbone_is_refused() -> None:
    with pytest.raises(
        ModelError, match="needs a backbone that selects tokens, such as SelectiveViTAdapter; got ViTAd"
    ):
        detector(backbone={"_delete_": True, "type": "ViTAdapter", "embed_dim": 96})
