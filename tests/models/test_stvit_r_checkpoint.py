"""Checkpoints of STViT-R: the released layouts load strictly, everything else is explained."""

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.checkpoint import load_backbone, read_checkpoint
from models.errors import CheckpointError
from models.stvit_r import STViTR
from models.stvit_r_cls import STViTRClassifier
from models.zoo import build

TINY = {"embed_dims": 8, "depths": (1, 2, 6, 1), "num_heads": (1, 1, 2, 2)}


def detection(**options: object) -> STViTR:
    return STViTR(**{**TINY, **options})  # type: ignore[arg-type]


def classifier() -> STViTRClassifier:
    return STViTRClassifier(num_classes=10, **TINY)  # type: ignore[arg-type]


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a.keys() & b.keys())


@pytest.mark.parametrize(
    ("size", "detector", "network"), [("tiny", 27.55, 28.32), ("small", 48.86, 49.63), ("base", 86.79, 87.81)]
)
def test_full_size_variants_build_without_memory_and_run(size: str, detector: float, network: float) -> None:
    channels = 128 if size == "base" else 96
    pyramid = [(1, channels * 2**stage, 56 // 2**stage, 56 // 2**stage) for stage in range(4)]
    for name, millions in ((f"stvit_r_{size}", detector), (f"stvit_r_{size}_classifier", network)):
        with torch.device("meta"):
            model = build(name).eval()
            output = model(torch.empty(1, 3, 224, 224))
        shapes = [tuple(part.shape) for part in output] if isinstance(output, tuple) else tuple(output.shape)
        assert shapes == ((1, 1000) if name.endswith("classifier") else pyramid)
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
        space = model.space((224, 224))  # type: ignore[operator]
        dense = model.work({}, (224, 224)).macs  # type: ignore[operator]
        assert model.work(space.sparsest, (224, 224)).macs < dense == model.work(space.dense, (224, 224)).macs  # type: ignore[operator]


def test_imagenet_file_starts_a_detector(tmp_path: Path) -> None:
    source, model = classifier(), detection()
    masks = {"layers.1.blocks.1.attn_mask": torch.zeros(16, 49, 49)}
    torch.save({"model": {**source.state_dict(), **masks}, "epoch": 300, "amp": {}}, tmp_path / "a.pth")
    report = load_backbone(model, tmp_path / "a.pth")
    assert equal(source.state_dict(), model.state_dict())
    assert set(report.ignored) == {"norm.weight", "norm.bias", "head.weight", "head.bias", *masks}
    assert set(report.fresh) == {f"norm{stage}.{part}" for stage in range(4) for part in ("weight", "bias")}


def test_imagenet_file_loads_whole_into_the_classifier(tmp_path: Path) -> None:
    source, model = classifier(), classifier()
    torch.save({"model": source.state_dict()}, tmp_path / "a.pth")
    report = load_backbone(model, tmp_path / "a.pth")
    assert equal(source.state_dict(), model.state_dict())
    assert report.ignored == report.fresh == ()


def test_detector_file_gives_its_backbone(tmp_path: Path) -> None:
    source, model = detection(), detection()
    state = {f"backbone.{name}": tensor for name, tensor in source.state_dict().items()}
    torch.save({"meta": {}, "state_dict": {**state, "neck.weight": torch.zeros(2)}}, tmp_path / "a.pth")
    report = load_backbone(model, tmp_path / "a.pth")
    assert equal(source.state_dict(), model.state_dict())
    assert report.ignored == ("neck.weight",) and report.fresh == ()


def test_detector_file_without_an_output_norm_is_refused(tmp_path: Path) -> None:
    state = detection().state_dict()
    del state["norm2.weight"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"missing keys \(1\):\n  norm2.weight"):
        load_backbone(detection(), tmp_path / "a.pth")


def test_bias_tables_are_resized_to_another_window(tmp_path: Path) -> None:
    source, model = detection(), detection(window_size=4)
    torch.save(source.state_dict(), tmp_path / "a.pth")
    load_backbone(model, tmp_path / "a.pth")
    assert model.state_dict()["layers.0.blocks.0.attn.relative_position_bias_table"].shape == (49, 1)
    assert equal({"w": source.norm3.weight}, {"w": model.norm3.weight})


def test_dense_swin_file_is_refused_with_the_missing_blocks(tmp_path: Path) -> None:
    state = {k: v for k, v in detection().state_dict().items() if "layers.2.blocks.1." not in k}
    torch.save({"model": state | {"patch_embed.proj.weight": torch.zeros(8, 3, 4, 4)}}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"layers.2.blocks.1.layer_scale_1[\s\S]*patch_embed.proj.weight"):
        load_backbone(detection(), tmp_path / "a.pth")


def test_pickled_settings_of_the_trainer_are_tolerated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the released ImageNet files hold a yacs object beside the weights
    class CfgNode(dict):  # type: ignore[type-arg]
        pass

    CfgNode.__module__, CfgNode.__qualname__ = "yacs.config", "CfgNode"
    parent, module = types.ModuleType("yacs"), types.ModuleType("yacs.config")
    module.CfgNode = CfgNode  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "yacs", parent)
        patch.setitem(sys.modules, "yacs.config", module)
        settings = CfgNode(MODEL=CfgNode(DEPTHS=[2, 2, 18, 2]))
        settings.__dict__["__immutable__"] = True
        torch.save({"model": {"module.head.weight": torch.ones(2)}, "config": settings}, tmp_path / "a.pth")
    assert torch.equal(read_checkpoint(tmp_path / "a.pth")["head.weight"], torch.ones(2))
