"""Every config of a classifier is found, its model classifies and trains, and its recipe is the published one."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from mmcv import Config, ConfigDict
from mmcv.runner import build_optimizer
from mmdet.models import build_detector
from torch import nn

import sparsearch
from search.datasets.sampling import Sampling
from search.datasets.transforms import Pipeline
from search.tasks import kind_of_model

CONFIGS = Path(__file__).parents[2] / "configs"
EXPECTED = {"classification": 8, "video": 10, "search": 4}
PARAMETERS = {
    "stvit-s_300e_imagenet": 25_498_864,
    "stvit-b_300e_imagenet": 51_696_148,
    "stvit-l_300e_imagenet": 94_977_252,
    "swin-t_patch244_window877_kinetics400_1k": 28_158_070,
    "swin-s_patch244_window877_kinetics400_1k": 49_816_678,
    "swin-b_patch244_window877_kinetics400_1k": 88_048_984,
}
"""As recorded or published, one-hot kernels of STViT included."""

sparsearch.register()


def classifiers() -> dict[Path, Any]:
    """What is no base and is about whole images or videos."""
    paths = [path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts and path.name != "__init__.py"]
    paths.sort(key=lambda path: (path.parent.name == "search", path))
    read = {path: Config.fromfile(str(path)) for path in paths}
    return {path: one for path, one in read.items() if kind_of_model(one.model.type) in ("classification", "video")}


FOUND = classifiers()


def kinds() -> list[Any]:
    """One entry per size of a backbone."""
    groups: dict[str, Path] = {}
    for path, config in FOUND.items():
        backbone = config.model.backbone.to_dict()
        for name in ("init_cfg", "plan", "drop_path_rate"):
            backbone.pop(name, None)
        groups.setdefault(json.dumps(backbone, sort_keys=True), path)
    return [pytest.param(path, id=path.stem) for path in groups.values()]


def test_all_configs_are_found() -> None:
    assert Counter(path.parent.name for path in FOUND) == EXPECTED
    assert set(PARAMETERS) <= {entry.id for entry in kinds()}


@pytest.mark.parametrize("path", kinds())
def test_model_classifies_and_trains(path: Path) -> None:
    torch.manual_seed(0)
    options = FOUND[path].model.to_dict()
    options["backbone"].pop("init_cfg", None)
    options["backbone"]["drop_path_rate"] = 0.0
    model = build_detector(ConfigDict(options))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == PARAMETERS.get(path.stem, count)
    video = kind_of_model(options["type"]) == "video"
    img = torch.randn(2, 3, *((4,) if video else ()), 64, 64)
    metas = [{}, {}]
    model.train()
    outputs = model.train_step({"img": img, "img_metas": metas, "gt_label": torch.tensor([1, 0])}, None)
    outputs["loss"].backward()
    assert torch.isfinite(outputs["loss"])
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)
    model.zero_grad(set_to_none=True)
    model.eval()
    with torch.no_grad():
        scores = model(img=img[:, None] if video else img, img_metas=metas, return_loss=False, rescale=True)
    assert [one.shape for one in scores] == [(options["num_classes"],)] * 2


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_pipelines_end_in_what_the_model_takes(path: Path) -> None:
    config, torch_video = FOUND[path], kind_of_model(FOUND[path].model.type) == "video"
    assert config.custom_imports.imports == ["sparsearch"]
    torch.manual_seed(0)
    side = 128 if "moving" in path.stem or "digit" in path.stem else 450
    picture = torch.randint(0, 256, (*((2,) if torch_video else ()), 3, side, side + 40), dtype=torch.uint8)
    for name in ("train", "val", "test", "search", "confirm", "report"):
        part = config.data.get(name)
        if part is None:
            continue
        assert Pipeline(part.pipeline)(picture).isfinite().all()
        if torch_video:
            sampling = Sampling(**part.sampling)
            assert sampling.clip_len == config.model.backbone.frames
            assert all(0 <= frame < 10 for clip in sampling.for_testing(10) for frame in clip)
        if part.get("num_classes") is not None:
            assert part.num_classes == config.model.num_classes
    asked = config.evaluation.metric
    assert set([asked] if isinstance(asked, str) else asked) <= {"top_k_accuracy", "mean_class_accuracy"}


def test_stvit_is_trained_as_published() -> None:
    config = FOUND[CONFIGS / "classification" / "stvit-b_300e_imagenet.py"]
    assert config.data.samples_per_gpu * config.data.train.repeats == 129  # 128, in whole threes
    assert (config.optimizer.lr, config.optimizer.weight_decay, config.optimizer_config.grad_clip) == (1e-3, 0.05, None)
    rate = config.lr_config
    assert (rate.periods, rate.min_lr, rate.warmup_iters, rate.warmup_by_epoch) == ([300, 10], 1e-5, 5, True)
    assert rate.warmup_ratio * config.optimizer.lr == pytest.approx(1e-6)
    assert config.model.mix == {"mixup": 0.8, "cutmix": 1.0, "prob": 1.0, "switch": 0.5}
    assert config.model.label_smoothing == 0.1
    tuned = FOUND[CONFIGS / "classification" / "stvit-b_384_30e_imagenet.py"]
    assert (tuned.optimizer.lr, tuned.optimizer.weight_decay, tuned.lr_config.policy) == (5e-6, 1e-8, "fixed")
    assert tuned.model.stay_in_eval and tuned.model.backbone.init_cfg.type == "Pretrained"
    assert [step.size for step in tuned.data.test.pipeline[:2]] == [384, 384]
    assert [step.size for step in config.data.test.pipeline[:2]] == [256, 224]


def test_video_swin_is_trained_and_tested_as_published() -> None:
    rates = {
        "swin-t_patch244_window877_kinetics400_1k": (1e-3, 0.02, 4, 30, 0.1, (4, "ThreeCrops")),
        "swin-b_patch244_window877_kinetics400_22k": (3e-4, 0.05, 8, 30, 0.2, (4, "ThreeCrops")),
        "swin-b_patch244_window1677_sthv2": (3e-4, 0.05, 8, 60, 0.4, (1, "ThreeCrops")),
        "swin-l-384_patch244_window81212_kinetics600_22k": (3e-4, 0.05, 8, 60, 0.4, (10, "FiveViews")),
    }
    for name, expected in rates.items():
        config = FOUND[CONFIGS / "video" / f"{name}.py"]
        test = config.data.test
        assert (
            config.optimizer.lr,
            config.optimizer.weight_decay,
            config.optimizer_config.cumulative_iters,
            config.runner.max_epochs,
            config.model.backbone.drop_path_rate,
            (test.sampling.num_clips, test.pipeline[0].type),
        ) == expected


def test_backbone_of_videos_learns_slowly_and_its_norms_and_tables_do_not_decay() -> None:
    config = FOUND[CONFIGS / "video" / "swin-t_patch244_window877_kinetics400_1k.py"]
    options = {**config.model.to_dict(), "num_classes": 4}
    options["backbone"] |= {"embed_dims": 24, "num_heads": (1, 2, 4, 8), "init_cfg": None}
    options["cls_head"]["in_channels"] = 192
    model = build_detector(ConfigDict(options))
    optimizer = build_optimizer(model, config.optimizer)
    groups = {id(group["params"][0]): group for group in optimizer.param_groups}
    free = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, nn.LayerNorm) or name == "relative_position_bias_table"
    }
    for name, parameter in model.named_parameters():
        group = groups[id(parameter)]
        assert group["lr"] == pytest.approx(1e-4 if name.startswith("backbone.") else 1e-3), name
        assert group["weight_decay"] == (0.0 if id(parameter) in free else 0.02), name
