from pathlib import Path

import pytest
import torch

from models.checkpoint import read_checkpoint
from samples.publish import main, publish


def test_published_file_holds_the_weights_in_half_precision(tmp_path: Path) -> None:
    state = {"backbone.norm0.weight": torch.randn(8), "backbone.a.relative_position_index": torch.arange(4)}
    torch.save({"state_dict": state, "meta": {"epoch": 3}}, tmp_path / "epoch.pth")
    size = publish(tmp_path / "epoch.pth", tmp_path / "weights" / "model.safetensors")
    found = read_checkpoint(tmp_path / "weights" / "model.safetensors")
    assert list(found) == ["backbone.norm0.weight"]
    assert found["backbone.norm0.weight"].dtype == torch.float16
    assert torch.equal(found["backbone.norm0.weight"], state["backbone.norm0.weight"].half())
    assert size == (tmp_path / "weights" / "model.safetensors").stat().st_size
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("value", "message"), [(float("nan"), "does not fit half precision"), (None, "does not exist")]
)
def test_what_cannot_be_published_is_named(
    tmp_path: Path, value: float | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if value is not None:
        torch.save({"state_dict": {"weight": torch.tensor([value])}}, tmp_path / "epoch.pth")
    assert main([str(tmp_path / "epoch.pth"), str(tmp_path / "model.safetensors")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "model.safetensors").exists()
