"""Every config builds its detector and runs; zero configs is a failure."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv import Config
from mmdet.models import build_detector

from models.adaptation import draw_plan
from models.sparsevit_geometry import pruning_ratios

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts and path.name != "__init__.py")


def test_all_configs_are_found() -> None:
    assert len(FILES) == 10
    assert {path.parent.name for path in FILES} == {"digits", "sparsevit", "search"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_config_builds_and_detects(path: Path) -> None:
    config = Config.fromfile(str(path))
    detector = build_detector(config.model).eval()
    image = torch.zeros(1, 3, 64, 64)
    shape = (64, 64, 3)
    meta = {"img_shape": shape, "ori_shape": shape, "scale_factor": np.ones(4, dtype=np.float32), "flip": False}
    with torch.no_grad():
        boxes, masks = detector(return_loss=False, rescale=True, img=[image], img_metas=[[meta]])[0]
    assert len(boxes) == len(masks) == config.model.roi_head.bbox_head.num_classes
    assert config.custom_imports.imports == ["sparsearch"]


@pytest.mark.parametrize(
    ("name", "ratios"),
    [
        ("42ms", ((0.3, 0.3), (0, 0), (0.1, 0.1, 0.2, 0.2, 0.2, 0.2), (0, 0))),
        ("35ms", ((0.6, 0.6), (0, 0), (0.2, 0.2, 0.4, 0.4, 0.5, 0.5), (0, 0))),
        ("33ms", ((0.7, 0.7), (0, 0), (0.2, 0.2, 0.4, 0.4, 0.5, 0.5), (0, 0))),
    ],
)
def test_fine_tuning_runs_under_the_published_plans(name: str, ratios: tuple[tuple[float, ...], ...]) -> None:
    path = CONFIGS / "sparsevit" / f"mask_rcnn_sparsevit-t_fpn_finetune-{name}_3x_coco.py"
    config = Config.fromfile(str(path))
    detector = build_detector(config.model)
    assert pruning_ratios(detector.backbone.plan, (2, 2, 6, 2)) == ratios
    assert (config.optimizer.lr, config.runner.max_epochs, config.lr_config.step) == (1e-5, 36, [27, 33])


def test_adaptation_config_draws_plans_of_its_own_backbone() -> None:
    for path in FILES:
        config = Config.fromfile(str(path))
        for hook in config.get("custom_hooks", []):
            if hook["type"] == "SparsityAdaptationHook":
                backbone = build_detector(config.model).backbone
                backbone.space((224, 224)).plan(draw_plan(backbone, random.Random(hook.get("seed", 0))))
