"""Training and testing through mmdet, on a few of the built-in digits."""

import gc
import json
from pathlib import Path

import pytest
from mmcv.runner.checkpoint import _load_checkpoint

import sparsearch
from models.checkpoint import read_checkpoint
from search.errors import TargetError
from search.training import read_config, test, train

sparsearch.register()
DENSE = Path(__file__).parents[2] / "configs" / "digits" / "mask_rcnn_sparsevit-nano_dense_digits.py"
test.__test__ = False  # type: ignore[attr-defined]  # a function of ours, not a test


def few_digits(root: Path, images: int = 8) -> dict[str, object]:
    """Overrides that train on a few images for 50 iterations."""
    splits = {
        f"data.{part}.{name}": value
        for part in ("train", "test")
        for name, value in (("images", images), ("root", str(root)))
    }
    return {
        **splits,
        "data.samples_per_gpu": 2,
        "data.train.pipeline.2.crop_size": (96, 96),
        "data.train.pipeline.4.img_scale": (96, 96),
        "runner.max_epochs": 13,
        "lr_config.warmup_iters": 10,
        "log_config.interval": 4,
    }


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    trained = train(DENSE, folder / "work", options=few_digits(folder / "data"), validate=False)
    assert trained.checkpoint == (folder / "work" / "latest.pth").resolve()
    return folder


def test_loss_falls_over_fifty_iterations(work_dir: Path) -> None:
    (log,) = (work_dir / "work").glob("*.log.json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [line["loss"] for line in lines if line.get("mode") == "train"]
    assert len(losses) == 13
    assert sum(losses[-3:]) / 3 < 0.85 * sum(losses[:3]) / 3


def test_trained_checkpoint_is_tested_by_mmdets_names(work_dir: Path) -> None:
    options = few_digits(work_dir / "data")
    found = test(DENSE, work_dir / "work" / "latest.pth", ["bbox", "segm"], options)
    assert {"bbox_mAP", "segm_mAP"} <= set(found)
    assert all(-1 <= value <= 1 for value in found.values())


def test_mmcv_reads_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torch import ones

    save_file({"neck.weight": ones(2)}, tmp_path / "model.safetensors")
    assert _load_checkpoint(str(tmp_path / "model.safetensors"))["state_dict"].keys() == {"neck.weight"}
    assert read_checkpoint(tmp_path / "model.safetensors")["neck.weight"].tolist() == [1, 1]


def test_start_that_does_not_exist_is_named(tmp_path: Path) -> None:
    options = {**few_digits(tmp_path / "data"), "load_from": str(tmp_path / "nowhere.safetensors")}
    with pytest.raises(TargetError, match=r"load_from='.*nowhere\.safetensors' does not exist"):
        train(DENSE, tmp_path / "work", options=options)


@pytest.mark.parametrize("name", ["absent.py", "broken.py", "raising.py"])
def test_unreadable_config_is_named(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.py").write_text("model = dict(")
    (tmp_path / "raising.py").write_text("import nowhere")
    with pytest.raises(TargetError, match=name):
        read_config(tmp_path / name)
    gc.collect()
    assert capfd.readouterr().err == ""
