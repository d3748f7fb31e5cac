"""Checkpoints: dense to sparse, ImageNet files, whole detectors, and the files that are refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.checkpoint import load_backbone
from models.errors import CheckpointError
from models.svit import SelectiveViTAdapter
from models.svit_convert import convert_dense
from models.vit_adapter import ViTAdapter
from tests.models.test_svit import tiny
from tests.models.test_vit_adapter import TINY, furthest, image, outputs
from tests.models.test_vit_adapter import tiny as dense


def saved(state: dict[str, Tensor], folder: Path, name: str = "file.safetensors") -> Path:
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / name)
    return folder / name


def deit(side: int = 14) -> dict[str, Tensor]:
    """A classifier's file: the blocks, a class token, a head."""
    own = {k: v for k, v in dense().state_dict().items() if k.startswith(("blocks.", "patch_embed."))}
    rest = {"cls_token": torch.zeros(1, 1, 24), "norm.weight": torch.ones(24), "norm.bias": torch.zeros(24)}
    head = {"head.weight": torch.zeros(10, 24), "head.bias": torch.zeros(10)}
    return {**own, **rest, **head, "pos_embed": torch.randn(1, 1 + side**2, 24)}


def test_only_selectors_are_missing_after_conversion() -> None:
    converted, own = convert_dense(dense().state_dict()), tiny().state_dict()
    assert {name for name in own if name not in converted} == {n for n in own if n.startswith("selective_modules.")}
    assert all(own[name].shape == tensor.shape for name, tensor in converted.items())


def test_a_dense_file_loads_into_a_sparse_network(tmp_path: Path) -> None:
    parent = dense()
    model = SelectiveViTAdapter(**TINY).eval()  # type: ignore[arg-type]
    report = load_backbone(model, saved(parent.state_dict(), tmp_path))
    assert report.ignored == () and len(report.fresh) == 9 * 6
    assert all(name.startswith("selective_modules.") for name in report.fresh)
    assert furthest(outputs(parent, image()), outputs(model, image())) < 2e-4


def test_a_dense_detector_is_converted_whole(tmp_path: Path) -> None:
    state = {f"backbone.{name}": tensor for name, tensor in dense().state_dict().items()}
    converted = convert_dense({**state, "neck.blocks.0.attn.proj.weight": torch.ones(1)})
    assert "neck.blocks.0.attn.proj.weight" in converted
    assert "backbone.blocks.11.TransformerEncoderLayer.linear2.bias" in converted
    model = SelectiveViTAdapter(**TINY).eval()  # type: ignore[arg-type]
    assert load_backbone(model, saved(converted, tmp_path)).ignored == ("neck.blocks.0.attn.proj.weight",)
    assert furthest(outputs(dense(), image()), outputs(model, image())) < 2e-4


def test_own_files_load_strictly(tmp_path: Path) -> None:
    model = SelectiveViTAdapter(**TINY).eval()  # type: ignore[arg-type]
    report = load_backbone(model, saved(tiny().state_dict(), tmp_path))
    assert (report.ignored, report.fresh) == ((), ())
    state = tiny().state_dict()
    del state["selective_modules.3.mlp.fc2.bias"]
    with pytest.raises(CheckpointError, match=r"missing keys \(1\):\n  selective_modules.3.mlp.fc2.bias"):
        load_backbone(model, saved(state, tmp_path))


def test_conversion_refuses_to_be_applied_twice() -> None:
    for state in (convert_dense(dense().state_dict()), tiny().state_dict()):
        with pytest.raises(CheckpointError, match=r"has the names of an SViT already, such as .*; converting it again"):
            convert_dense(state)


def test_scaled_blocks_are_refused(tmp_path: Path) -> None:
    state = dense(layer_scale=True).state_dict()
    with pytest.raises(CheckpointError, match=r"'blocks.0.gamma1': the blocks of this file are scaled per channel"):
        load_backbone(tiny(), saved(state, tmp_path))


def test_a_file_without_blocks_is_refused() -> None:
    with pytest.raises(CheckpointError, match="no blocks of a vision transformer"):
        convert_dense({"stages.0.weight": torch.ones(1)})


def test_a_sparse_file_is_refused_by_the_dense_network(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="this is the file of an SViT, with selectors; build an SViT"):
        load_backbone(dense(), saved(tiny().state_dict(), tmp_path))


def test_another_size_is_refused(tmp_path: Path) -> None:
    path = saved(dense().state_dict(), tmp_path)
    with pytest.raises(
        CheckpointError, match=r"different shapes .*\n  pos_embed: file \(1, 197, 24\), model \(1, 197, 48\)"
    ):
        load_backbone(tiny(embed_dim=48), path)


@pytest.mark.parametrize("side", [14, 24])
@pytest.mark.parametrize("build", [dense, tiny])
def test_imagenet_files_start_a_detector(build: type[ViTAdapter], side: int, tmp_path: Path) -> None:
    state = deit(side)
    model = build()
    report = load_backbone(model, saved(state, tmp_path))
    assert set(report.ignored) == {"cls_token", "norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert "level_embed" in report.fresh and "interactions.0.injector.gamma" in report.fresh
    assert not any(name.startswith(("blocks", "patch_embed", "pos_embed")) for name in report.fresh)
    assert torch.equal(model.pos_embed[:, :1], state["pos_embed"][:, :1])
    if side == 14:
        assert torch.equal(model.pos_embed, state["pos_embed"])
    else:
        assert model.pos_embed.std() < state["pos_embed"].std()


def test_positions_that_are_no_square_are_refused(tmp_path: Path) -> None:
    state = deit() | {"pos_embed": torch.zeros(1, 151, 24)}
    with pytest.raises(CheckpointError, match=r"pos_embed of shape \(1, 151, 24\) is no square of positions"):
        load_backbone(dense(), saved(state, tmp_path))
