"""The fine-tune config, as data."""

from pathlib import Path
from typing import Any

import pytest

from models.plan import Plan
from search.errors import ExportError
from search.export.finetune_config import PUBLISHED, SHORT, Schedule, finetune_config
from search.export.literals import dump, parse

PLAN = Plan.of({"stage0": 0.6, "stage3": 0.1})


def base(**changes: Any) -> dict[str, Any]:
    """What a search target's config looks like after mmcv resolved its bases."""
    config: dict[str, Any] = {
        "model": {
            "type": "MaskRCNN",
            "pretrained": "https://example.org/x.pth",
            "backbone": {"type": "SparseViT", "init_cfg": {"type": "Pretrained", "checkpoint": "gone.pth"}},
        },
        "data": {"samples_per_gpu": 2, "train": {"type": "CocoDataset", "ann_file": "nowhere.json"}},
        "optimizer": {"type": "SGD", "lr": 0.02},
        "lr_config": {"policy": "CosineAnnealing", "min_lr_ratio": 0.01},
        "runner": {"type": "EpochBasedRunner", "max_epochs": 12},
        "fp16": {"loss_scale": {"init_scale": 512}},
        "custom_imports": {"imports": ["my_own_module"], "allow_failed_imports": True},
        "custom_hooks": [{"type": "NumClassCheckHook"}, {"type": "SparsityAdaptationHook", "seed": 0}],
        "load_from": "dense.pth",
        "resume_from": "epoch_3.pth",
    }
    return {**config, **changes}


def test_the_plan_is_built_in_and_only_load_from_brings_weights() -> None:
    config = finetune_config(base(), PLAN, "weights-01.pth")
    assert config["model"]["backbone"] == {"type": "SparseViT", "plan": dict(PLAN)}
    assert "pretrained" not in config["model"]
    assert config["load_from"] == "{{ fileDirname }}/weights-01.pth" and config["resume_from"] is None


def test_sparsearch_is_imported_first_and_must_be_there() -> None:
    imports = finetune_config(base(), PLAN, "w.pth")["custom_imports"]
    assert imports == {"imports": ["sparsearch", "my_own_module"], "allow_failed_imports": False}


def test_adaptation_to_random_plans_ends_where_a_plan_is_fixed() -> None:
    assert finetune_config(base(), PLAN, "w.pth")["custom_hooks"] == [{"type": "NumClassCheckHook"}]


def test_a_config_without_a_schedule_of_its_own_gets_the_published_one() -> None:
    config = finetune_config(base(), PLAN, "w.pth")
    assert config["optimizer"]["type"] == "AdamW" and config["optimizer"]["lr"] == 1e-5
    assert config["optimizer"]["paramwise_cfg"]["custom_keys"]["norm"] == {"decay_mult": 0.0}
    assert config["runner"] == {"type": "EpochBasedRunner", "max_epochs": 36}
    assert config["lr_config"] == {
        "policy": "step", "warmup": "linear", "warmup_iters": 1000, "warmup_ratio": 0.001, "step": [27, 33],
    }  # fmt: skip
    assert config["fp16"] == base()["fp16"]


def test_a_config_may_scale_the_schedule_to_its_data() -> None:
    own = {"lr": 1e-4, "max_epochs": 3, "step": [2], "warmup_iters": 50}
    config = finetune_config(base(finetune=own), PLAN, "w.pth")
    assert "finetune" not in config
    assert config["optimizer"]["lr"] == 1e-4 and config["runner"]["max_epochs"] == 3
    assert config["lr_config"]["step"] == [2] and config["lr_config"]["warmup_iters"] == 50


def test_a_schedule_given_outright_beats_both() -> None:
    assert finetune_config(base(finetune={"lr": 1.0}), PLAN, "w.pth", SHORT)["lr_config"]["step"] == [2]


def test_an_unknown_schedule_field_is_named() -> None:
    with pytest.raises(ExportError, match=r"\['epochs'\].*max_epochs"):
        Schedule.of({"epochs": 3})
    assert Schedule.of({}) == PUBLISHED


def test_a_config_without_a_backbone_is_refused() -> None:
    with pytest.raises(ExportError, match=r"model\.backbone"):
        finetune_config({"model": {}}, PLAN, "w.pth")


def test_data_paths_that_exist_become_absolute_and_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    data = {"train": {"ann_file": "gone.json", "img_prefix": "images/", "classes": ("images",)}}
    made = finetune_config(base(data=data), PLAN, "w.pth")["data"]["train"]
    assert made == {"ann_file": "gone.json", "img_prefix": f"{tmp_path}/images/", "classes": ("images",)}


def test_the_given_config_is_not_changed_and_the_result_can_be_written() -> None:
    given = base()
    config = finetune_config(given, PLAN, "w.pth")
    assert given == base()
    assert parse(dump(config)) == config


def test_classifiers_get_the_schedule_and_the_metrics_of_their_kind() -> None:
    bare = {"optimizer_config": {"type": "GradientCumulativeOptimizerHook", "cumulative_iters": 4}, "custom_hooks": []}
    images = finetune_config(base(model={"type": "ImageClassifier", "backbone": {"type": "X"}}, **bare), PLAN, "w.pth")
    assert images["evaluation"] == {"metric": ["top_k_accuracy"]}
    assert images["optimizer"]["lr"] == 5e-6 and images["optimizer"]["weight_decay"] == 1e-8
    assert images["lr_config"] == {"policy": "fixed"} and images["runner"]["max_epochs"] == 30
    assert images["optimizer_config"] == bare["optimizer_config"]
    videos = finetune_config(base(model={"type": "VideoClassifier", "backbone": {"type": "X"}}), PLAN, "w.pth")
    assert videos["lr_config"]["step"] == [6, 9] and videos["runner"]["max_epochs"] == 10
    assert finetune_config(base(), PLAN, "w.pth")["evaluation"] == {"metric": ["bbox", "segm"]}


def test_lists_and_folders_of_labelled_files_become_absolute_and_class_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("list.txt", "names.txt", "cat"):
        (tmp_path / name).write_text("")
    data = {
        "train": {"ann_file": "list.txt", "data_prefix": "cat", "classes": "names.txt"},
        "val": {"classes": ["cat"]},
    }
    made = finetune_config(base(data=data), PLAN, "w.pth")["data"]
    assert made["train"] == {name: str(tmp_path / value) for name, value in data["train"].items()}
    assert made["val"] == {"classes": ["cat"]}


def test_a_config_that_needs_no_training_keeps_saying_so() -> None:
    config = finetune_config(base(training_free=True), PLAN, "w.pth")
    assert config["training_free"] is True
    assert parse(dump(config)) == config
