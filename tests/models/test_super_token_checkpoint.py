"""Checkpoints of STViT: the released layouts load strictly, everything else is explained."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.checkpoint import load_backbone
from models.errors import CheckpointError
from models.super_token import SuperTokenClassifier, SuperTokenViT

TINY = {"embed_dims": (8, 16, 24, 32), "depths": (2, 1, 2, 1), "num_heads": (1, 2, 3, 4)}
END = {f"{part}.{kind}" for part in ("proj", "norm", "head") for kind in ("weight", "bias")} | {
    f"norm.{kind}" for kind in ("running_mean", "running_var", "num_batches_tracked")
}


def classifier(**options: object) -> SuperTokenClassifier:
    return SuperTokenClassifier(**{**TINY, "num_classes": 10, "projection": 16, **options})  # type: ignore[arg-type]


def backbone(**options: object) -> SuperTokenViT:
    return SuperTokenViT(**{**TINY, **options})  # type: ignore[arg-type]


def shared_entries_are_equal(a: nn.Module, b: nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first.keys() & second.keys())


def released(path: Path, model: nn.Module) -> None:
    """A file as the authors' trainer writes it: weights beside their average, the optimizer and its arguments."""
    average = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters())
    arguments = Namespace(model="stvit_small", lr=1e-3, output_dir="", eval=False, aa=None)
    content = {"model": model.state_dict(), "model_ema": average, "optimizer": optimizer.state_dict()}
    torch.save({**content, "epoch": 299, "args": arguments, "scaler": {"scale": 1.0}, "max_accuracy": 83.6}, path)


def test_released_file_loads_whole_into_a_classifier(tmp_path: Path) -> None:
    source, model = classifier(), classifier()
    released(tmp_path / "a.pth", source)
    report = load_backbone(model, tmp_path / "a.pth")
    assert shared_entries_are_equal(source, model) and report.ignored == report.fresh == ()


def test_grid_and_size_need_no_conversion(tmp_path: Path) -> None:
    source = classifier()
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    model = classifier(grid=(16, "8x4", 2, 2), iterations=(3, 2, 1, 1))
    load_backbone(model, tmp_path / "a.safetensors")
    assert shared_entries_are_equal(source, model)


def test_backbone_takes_a_classifiers_file_and_names_what_it_left(tmp_path: Path) -> None:
    source, model = classifier(), backbone(out_norm=True)
    released(tmp_path / "a.pth", source)
    report = load_backbone(model, tmp_path / "a.pth")
    assert shared_entries_are_equal(source, model)
    assert set(report.ignored) == END
    assert set(report.fresh) == {f"extra_norms.{stage}.{kind}" for stage in range(4) for kind in ("weight", "bias")}


def test_detector_file_gives_its_backbone(tmp_path: Path) -> None:
    source, model = backbone(out_norm=True), backbone(out_norm=True)
    state = {f"backbone.{name}": tensor for name, tensor in source.state_dict().items()}
    save_file({**state, "neck.weight": torch.zeros(2)}, tmp_path / "a.safetensors")
    report = load_backbone(model, tmp_path / "a.safetensors")
    assert shared_entries_are_equal(source, model) and report.ignored == ("neck.weight",) and report.fresh == ()


def test_output_norms_may_not_be_missing_from_a_backbones_file(tmp_path: Path) -> None:
    save_file(backbone().state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"missing keys \(8\):\n  extra_norms.0.weight"):
        load_backbone(backbone(out_norm=True), tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_classes": 7}, r"head.weight: file \(10, 16\), model \(7, 16\)"),
        ({"depths": (2, 1, 3, 1)}, r"missing keys \(21\):\n  layers.2.blocks.2.pos_embed.conv.weight"),
        ({"refine": "none"}, r"unexpected keys \(24\):\n  layers.0.blocks.0.attn.stoken_refine.qkv.weight"),
        ({"layer_scale": (1e-6, None, None, None)}, r"missing keys \(4\):\n  layers.0.blocks.0.gamma_1"),
    ],
)
def test_another_model_is_explained(tmp_path: Path, options: dict[str, object], words: str) -> None:
    released(tmp_path / "a.pth", classifier())
    with pytest.raises(CheckpointError, match=words):
        load_backbone(classifier(**options), tmp_path / "a.pth")


def test_nothing_but_plain_settings_passes_beside_the_weights(tmp_path: Path) -> None:
    state = {"model": classifier().state_dict(), "args": Namespace(run=Path.touch)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        load_backbone(classifier(), tmp_path / "a.pth")
