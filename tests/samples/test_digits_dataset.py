from pathlib import Path

import pytest
from mmcv import Config
from mmdet.datasets import build_dataset

import sparsearch
from samples.errors import SampleError

sparsearch.register()
CONFIGS = Path(__file__).parents[2] / "configs"


def test_dataset_writes_its_split_and_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config.fromfile(str(CONFIGS / "_base_" / "datasets" / "digits_instance.py"))
    source = {**config.data.train, "images": 3, "root": str(tmp_path)}
    dataset = build_dataset(source)
    assert "index created" in capsys.readouterr().out
    assert len(dataset) == 3
    assert tuple("0123456789") == dataset.CLASSES
    sample = dataset[0]
    assert sample["img"].data.shape[0] == 3
    assert len(sample["gt_masks"].data) == len(sample["gt_labels"].data) >= 1


def test_unknown_split_is_refused() -> None:
    with pytest.raises(SampleError, match="split='val' is unknown; choose one of train, search, confirm, report"):
        build_dataset({"type": "DigitsDataset", "split": "val", "pipeline": []})
