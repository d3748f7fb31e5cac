from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.checkpoint import read_checkpoint
from models.sparsevit import SparseViT
from models.stvit_r import STViTR
from models.swin_convert import from_swin_authors
from samples.errors import SampleError
from samples.start import from_swin, main, scaled, start

SMALL = {"embed_dims": 8, "num_heads": (1, 1, 2, 2), "window_size": 7}


@pytest.fixture(scope="module")
def swin() -> dict[str, Tensor]:
    torch.manual_seed(0)
    backbone = SparseViT(depths=(1, 1, 4, 1), **SMALL)
    state = {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}
    return {**state, "neck.weight": torch.randn(4), "head.weight": torch.randn(3)}


def test_a_swin_gives_all_but_stem_and_layer_scales(swin: dict[str, Tensor]) -> None:
    own = {f"backbone.{name}": tensor for name, tensor in STViTR(depths=(1, 1, 6, 1), **SMALL).state_dict().items()}
    own |= {"neck.weight": torch.zeros(4), "head.weight": torch.zeros(2)}
    whole, taken = start(own, swin)
    fresh = {name for name in own if name not in taken}
    own_alone = {name for name in own if "patch_embed" in name or "layer_scale" in name}
    assert own_alone
    assert fresh == own_alone | {"head.weight"}  # a head of another number of classes
    assert torch.equal(whole["neck.weight"], swin["neck.weight"])
    fused = swin["backbone.stages.2.blocks.1.attn.w_msa.qkv.weight"]
    query, others = (whole[f"backbone.layers.2.blocks.5.attn.{part}.weight"] for part in ("q", "kv"))
    assert torch.equal(torch.cat((query, others)), fused)  # block 5 of 6 has that of 1 of 4
    whole["neck.weight"].zero_()
    assert swin["neck.weight"].any()  # the start is a copy


def test_mergings_are_reordered_as_the_authors_have_them(swin: dict[str, Tensor]) -> None:
    given = {name.removeprefix("backbone."): tensor for name, tensor in from_swin(swin, depth=1).items()}
    back = from_swin_authors(given, SparseViT(depths=(1, 1, 1, 1), **SMALL).state_dict()).state
    for stage in range(3):
        for part in ("norm.weight", "norm.bias", "reduction.weight"):
            name = f"stages.{stage}.downsample.{part}"
            assert torch.equal(back[name], swin[f"backbone.{name}"])


def test_another_backbone_gives_neck_and_heads_only(swin: dict[str, Tensor]) -> None:
    whole, taken = start({"backbone.layers.2.blocks.0.x": torch.ones(1), "neck.weight": torch.zeros(4)}, swin)
    assert taken == ("neck.weight",)
    assert torch.equal(whole["backbone.layers.2.blocks.0.x"], torch.ones(1))


def test_fresh_weights_can_be_made_smaller() -> None:
    state = {"norm1.weight": torch.ones(2), "norm1.bias": torch.ones(2), "up.weight": torch.ones(2)}
    result = scaled(state, ["norm[1-4].weight=0.2", "up.*=2"])
    assert {name: tensor[0].item() for name, tensor in result.items()} == pytest.approx(
        {"norm1.weight": 0.2, "norm1.bias": 1, "up.weight": 2}
    )
    assert state["up.weight"][0] == 1
    for wrong in ("norm1.weight", "norm=0.5", "norm1.weight=-1", "=2", "norm1.weight=x"):
        with pytest.raises(SampleError, match="must be PATTERN=FACTOR"):
            scaled(state, [wrong])


def test_the_command_writes_a_whole_file_or_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[2]
    config = root / "configs" / "digits" / "mask_rcnn_stvit-nano_dense_digits.py"
    source, out = root / "samples" / "weights" / "digits_dense.safetensors", tmp_path / "new" / "start.safetensors"
    assert main([str(config), str(source), str(out)]) == 0
    assert "of them from" in capsys.readouterr().out
    assert any(name.startswith("backbone.") for name in read_checkpoint(out))
    assert main([str(tmp_path / "none.py"), str(source), str(out)]) == 2
    assert "does not exist; give the path of an mmdet config file" in capsys.readouterr().err
    torch.save({"state_dict": {"else": torch.ones(1)}}, tmp_path / "else.pth")
    assert main([str(config), str(tmp_path / "else.pth"), str(out)]) == 2
    assert "no entry has a name and shape" in capsys.readouterr().err
