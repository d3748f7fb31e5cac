"""Images in ImageNet's layout: labels by folder, and what is said of broken layouts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.parallel import collate
from mmdet.datasets import build_dataloader, build_dataset
from PIL import Image

from search.datasets import DigitClasses, ImageFolder
from search.errors import TargetError

PIPELINE = [
    {"type": "CenterCrop", "size": 8},
    {"type": "Normalize", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("cat", "dog", "eel")):
        (tmp_path / name).mkdir()
        for place in range(2 + number):
            pixels = np.full((10, 12, 3), (10 * number, place, 7), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{place}.png")
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    return tmp_path


def test_folders_are_classes_in_sorted_order(folder: Path) -> None:
    data = ImageFolder(str(folder), PIPELINE)
    assert data.CLASSES == ("cat", "dog", "eel")
    assert [(one.name, one.label) for one in data.samples[:3]] == [("cat/0.png", 0), ("cat/1.png", 0), ("dog/0.png", 1)]
    assert len(data) == 2 + 3 + 4 == len(data.flag)
    item = data[2]
    assert item["img"].data.shape == (3, 8, 8)
    assert item["img"].data[:, 0, 0].tolist() == [10.0, 0.0, 7.0]
    assert int(item["gt_label"].data) == 1
    assert item["img_metas"].data["ori_filename"] == "dog/0.png"


def test_order_of_classes_may_be_given(folder: Path, tmp_path: Path) -> None:
    assert ImageFolder(str(folder), PIPELINE, classes=["eel", "cat"]).samples[0].name == "eel/0.png"
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    assert ImageFolder(str(folder), PIPELINE, classes=str(tmp_path / "names.txt")).CLASSES == ("dog", "cat")


def test_grey_and_transparent_images_become_rgb(folder: Path) -> None:
    Image.fromarray(np.full((10, 10), 9, np.uint8)).save(folder / "cat" / "0.png")
    Image.new("RGBA", (10, 10), (1, 2, 3, 128)).save(folder / "cat" / "1.png")
    data = ImageFolder(str(folder), PIPELINE)
    assert data.decode(0)[:, 0, 0].tolist() == [9, 9, 9]
    assert data.decode(1)[:, 0, 0].tolist() == [1, 2, 3]


def test_loaders_of_mmdet_make_batches(folder: Path) -> None:
    data = build_dataset({"type": "ImageFolder", "data_prefix": str(folder), "pipeline": PIPELINE})
    loader = build_dataloader(data, samples_per_gpu=4, workers_per_gpu=0, dist=False, shuffle=True, seed=0)
    batch = next(iter(loader))
    assert batch["img"].data[0].shape == (4, 3, 8, 8)
    assert batch["gt_label"].data[0].shape == (4,)
    assert len(batch["img_metas"].data[0]) == 4


def test_repeats_are_copies_of_one_sample_and_keep_the_length_of_an_epoch(folder: Path) -> None:
    random_crop = [{"type": "RandomResizedCrop", "size": 4, "scale": (0.1, 0.3)}, PIPELINE[1]]
    data = ImageFolder(str(folder), random_crop, repeats=3)
    assert len(data) == 3
    seen = set()
    for _ in range(40):
        for index in range(3):
            item = data[index]
            assert item["img"].data.shape == (3, 3, 4, 4)
            seen.add(item["img_metas"].data["index"])
    assert seen == set(range(9))
    assert len(ImageFolder(str(folder), PIPELINE, test_mode=True, repeats=3)) == 9
    assert collate([data[0], data[1]], 2)["img"].data[0].shape == (2, 3, 3, 4, 4)


def test_missing_class_folder_is_named(folder: Path) -> None:
    with pytest.raises(TargetError, match=r"class folder .*fox is missing \(and 1 more\); copy it or correct"):
        ImageFolder(str(folder), PIPELINE, classes=["cat", "fox", "gnu"])


def test_empty_class_folder_is_named(folder: Path) -> None:
    (folder / "fox").mkdir()
    with pytest.raises(TargetError, match=r"class folder .*fox has no images"):
        ImageFolder(str(folder), PIPELINE)
    assert len(ImageFolder(str(folder), PIPELINE, allow_empty=True).CLASSES) == 4


def test_missing_folder_and_folder_without_classes_are_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="nowhere does not exist"):
        ImageFolder(str(tmp_path / "nowhere"), PIPELINE)
    with pytest.raises(TargetError, match="has no class folders; expected"):
        ImageFolder(str(tmp_path), PIPELINE)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n short"])
def test_image_that_cannot_be_decoded_is_named(folder: Path, content: bytes) -> None:
    (folder / "cat" / "1.png").write_bytes(content)
    with pytest.raises(TargetError, match=r"image .*cat/1\.png cannot be decoded"):
        ImageFolder(str(folder), PIPELINE)[1]


def test_truncated_image_is_named(folder: Path) -> None:
    path = folder / "cat" / "1.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:800])
    with pytest.raises(TargetError, match=r"cat/1\.jpg cannot be decoded"):
        ImageFolder(str(folder), PIPELINE)[1]


def test_evaluation_needs_the_whole_data_set(folder: Path) -> None:
    data = ImageFolder(str(folder), PIPELINE, test_mode=True)
    scores = np.eye(3)[[one.label for one in data.samples]]
    assert data.evaluate(list(scores), metric="top_k_accuracy", logger=None) == {"top1": 1.0, "top5": 1.0}
    with pytest.raises(ValueError, match="8 results for 9 samples"):
        data.evaluate(list(scores[1:]))


def test_scores_of_other_classes_are_refused(folder: Path) -> None:
    data = ImageFolder(str(folder), PIPELINE, test_mode=True)
    with pytest.raises(TargetError, match=r"the model tells 4 classes apart, .* has 3; is a class folder missing"):
        data.evaluate(list(np.zeros((9, 4))))


def test_built_in_digits_are_written_on_demand(tmp_path: Path) -> None:
    data = DigitClasses("search", images=3, size=64, root=str(tmp_path), pipeline=PIPELINE, test_mode=True)
    assert (len(data), len(data.CLASSES)) == (3, 10)
    assert torch.isfinite(data[0]["img"].data).all()
    assert "gt_label" not in data[0]
    with pytest.raises(TargetError, match="split='val' is unknown"):
        DigitClasses("val", pipeline=PIPELINE)
