"""Every detection config is found, its starting weights can exist, and its detector detects and trains."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from mmcv import Config, ConfigDict
from mmcv.parallel import collate, scatter
from mmdet.datasets import build_dataset
from mmdet.models import build_detector

import sparsearch
from models.adaptation import draw_plan
from models.mmdet_adapter import use_plan
from models.plan import Plan
from models.sparsevit_geometry import pruning_ratios

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
GOLDEN = ROOT / "tests" / "golden"
EXPECTED = {"digits": 13, "hourglass": 1, "search": 9, "sparsevit": 5, "stvit": 11, "stvit_r": 5, "svit_adapter": 8}
_CASCADE = "cascade_mask_rcnn_stvit_r-{}_mstrain_480-800_giou_4conv1f_adamw_3x_coco"
RELEASED: dict[str, dict[str, str]] = {
    **{_CASCADE.format(size): {"": f"stvit_r/keys_cascade_mask_rcnn_swin_{size}"} for size in "sb"},
    **{
        f"mask_rcnn_{name}_coco": {
            "backbone.": f"svit_adapter/keys_{backbone}",
            "": f"svit_adapter/keys_detector_heads_{size}",
        }
        for name, backbone, size in (
            ("vit_adapter-t_fpn_3x", "vit-adapter-t", "t"),
            ("vit_adapter-s_fpn_3x", "vit-adapter-s", "s"),
            ("vit_adapter-t-window_fpn_3x", "vit-window_attn-adapter-t", "t"),
            ("vit_adapter-s-window_fpn_3x", "vit-window_attn-adapter-s", "s"),
            ("svit_adapter-t_fpn_0.5x", "svit-adapter-t", "t"),
            ("svit_adapter-s_fpn_0.33x", "svit-adapter-s", "s"),
        )
    },
}
"""Recorded names and shapes of the detectors that were released, by prefix: their files load strictly."""

SIZE = (96, 96)
"""Pixels of the images here: each stage of each backbone has several windows, cells or none to spare."""

sparsearch.register()


def detection_configs() -> dict[Path, Any]:
    """What is no base and has regions of interest; configs of other tasks have tests of their own."""
    # searches last: they repeat the model of another config
    paths = sorted(path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts and path.name != "__init__.py")
    paths.sort(key=lambda path: path.parent.name == "search")
    read = {path: Config.fromfile(str(path)) for path in paths}
    return {path: config for path, config in read.items() if "roi_head" in config.model}


FOUND = detection_configs()


def kinds() -> list[Any]:
    """One entry per model that differs in more than its plan, with all its configs."""
    groups: dict[str, list[Path]] = {}
    for path, config in FOUND.items():
        model = config.model.to_dict()
        model["backbone"].pop("plan", None)
        groups.setdefault(json.dumps(model, sort_keys=True), []).append(path)
    return [pytest.param(paths, id=paths[0].stem) for paths in groups.values()]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two of the built-in images, small, with boxes, labels and masks."""
    norm = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True}
    pipeline = [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True},
        {"type": "Resize", "img_scale": SIZE, "keep_ratio": False},
        {"type": "RandomFlip", "flip_ratio": 0.0},
        {"type": "Normalize", **norm},
        {"type": "DefaultFormatBundle"},
        {"type": "Collect", "keys": ["img", "gt_bboxes", "gt_labels", "gt_masks"]},
    ]
    root = tmp_path_factory.mktemp("digits")
    source = {"type": "DigitsDataset", "split": "train", "images": 2, "size": SIZE, "root": str(root)}
    dataset = build_dataset({**source, "pipeline": pipeline})
    return scatter(collate([dataset[0], dataset[1]], 2), [-1])[0]


def small(model: Any) -> Any:
    """The same weights with few proposals, which cost most of the time, and no chance in the gradients."""
    changed = json.loads(json.dumps(model))
    changed["backbone"]["drop_path_rate"] = 0.0
    changed["train_cfg"]["rpn_proposal"].update(nms_pre=20, max_per_img=8)
    changed["test_cfg"]["rpn"].update(nms_pre=20, max_per_img=8)
    stages = changed["train_cfg"]["rcnn"]
    for stage in stages if isinstance(stages, list) else [stages]:
        stage["sampler"]["num"] = 8
    return ConfigDict(changed)


def test_all_configs_are_found() -> None:
    assert set(RELEASED) <= {entry.id for entry in kinds()}
    assert Counter(path.parent.name for path in FOUND) == EXPECTED


@pytest.mark.parametrize("paths", kinds())
def test_detector_detects_and_trains(paths: list[Path], batch: dict[str, Any]) -> None:
    torch.manual_seed(0)
    first, name = FOUND[paths[0]].model, paths[0].stem
    detector = build_detector(small(first.to_dict()))
    if name in RELEASED:
        recorded = {
            prefix + key: shape
            for prefix, file in RELEASED[name].items()
            for key, shape in json.loads((GOLDEN / f"{file}.json").read_text(encoding="utf-8"))["state"].items()
        }
        assert {key: list(tensor.shape) for key, tensor in detector.state_dict().items()} == recorded
    metas = [{**meta, "flip": False} for meta in batch["img_metas"]]
    detector.train()
    outputs = detector.train_step({**batch, "img_metas": metas}, None)
    outputs["loss"].backward()
    assert torch.isfinite(outputs["loss"])
    assert all(parameter.grad is not None for parameter in detector.backbone.parameters() if parameter.requires_grad)
    moved = [p for p in detector.backbone.parameters() if p.grad is not None and p.grad.abs().max() > 0]
    assert len(moved) > 0.8 * len(list(detector.backbone.parameters()))
    detector.zero_grad(set_to_none=True)
    detector.eval()
    heads = first.roi_head.bbox_head
    classes = (heads[0] if isinstance(heads, list) else heads).num_classes
    plans = {json.dumps(FOUND[path].model.backbone.get("plan", {}), sort_keys=True) for path in paths}
    for plan in sorted(plans):
        with torch.no_grad(), use_plan(json.loads(plan)):
            found = detector(return_loss=False, rescale=True, img=[batch["img"][:1]], img_metas=[metas[:1]])
        boxes, masks = found[0]
        assert len(boxes) == len(masks) == classes
    # what adaptation draws, the backbone can run
    for path in paths:
        for hook in FOUND[path].get("custom_hooks", []):
            if hook["type"] == "SparsityAdaptationHook":
                plan = draw_plan(detector.backbone, random.Random(hook["seed"]))
                detector.backbone.space((224, 224)).plan(plan)


@pytest.mark.parametrize(
    ("name", "ratios"),
    [
        ("42ms", ((0.3, 0.3), (0, 0), (0.1, 0.1, 0.2, 0.2, 0.2, 0.2), (0, 0))),
        ("35ms", ((0.6, 0.6), (0, 0), (0.2, 0.2, 0.4, 0.4, 0.5, 0.5), (0, 0))),
        ("33ms", ((0.7, 0.7), (0, 0), (0.2, 0.2, 0.4, 0.4, 0.5, 0.5), (0, 0))),
    ],
)
def test_fine_tuning_runs_under_the_published_plans(name: str, ratios: tuple[tuple[float, ...], ...]) -> None:
    config = FOUND[CONFIGS / "sparsevit" / f"mask_rcnn_sparsevit-t_fpn_finetune-{name}_3x_coco.py"]
    assert pruning_ratios(Plan.of(config.model.backbone.plan), (2, 2, 6, 2)) == ratios
    assert (config.optimizer.lr, config.runner.max_epochs, config.lr_config.step) == (1e-5, 36, [27, 33])


def test_cascade_follows_the_published_recipe() -> None:
    for size, drop_path in (("s", 0.2), ("b", 0.3)):
        config = FOUND[CONFIGS / "stvit_r" / f"{_CASCADE.format(size)}.py"]
        backbone, optimizer, steps = config.model.backbone, config.optimizer, config.lr_config
        assert (backbone.drop_path_rate, backbone.mask, backbone.plan) == (drop_path, "original", {})
        assert (optimizer.type, optimizer.lr, optimizer.weight_decay, config.runner.max_epochs) == (
            "AdamW",
            1e-4,
            0.05,
            36,
        )
        assert (steps.step, steps.warmup_iters, steps.warmup_ratio) == ([27, 33], 500, 0.001)
        assert [head.loss_bbox.type for head in config.model.roi_head.bbox_head] == ["GIoULoss"] * 3
        assert config.data.samples_per_gpu == 2


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_starting_weights_are_shipped_or_trained_by_another_config(path: Path) -> None:
    config = FOUND[path]
    assert config.custom_imports.imports == ["sparsearch"]
    source = config.get("load_from")
    if source and source.startswith("work_dirs/") and source.endswith("/latest.pth"):
        assert Path(source).parent.name in {other.stem for other in FOUND}
    elif source and not source.startswith("work_dirs/"):
        assert (ROOT / source).is_file()
