"""The rig of detection targets: set up on the built-in target, and what it says about broken ones."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latency.setting import Setting
from models.errors import CheckpointError
from models.plan import Plan
from search.errors import TargetError
from search.rig import set_up
from search.rigs.model import DENSE_MS, ModelRig
from search.targets import Target, find
from tests.search.support import job

DIGITS = find("digits-sparsevit")
SIMULATED = Setting(device="sim:0", input_size=(224, 224))


def target(**changes: Any) -> Target:
    return Target.from_dict({**DIGITS.to_dict(), "name": "broken", **changes})


@pytest.fixture(scope="module")
def rig() -> Iterator[ModelRig]:
    made = set_up(job(setting=SIMULATED, images=2), DIGITS)
    assert isinstance(made, ModelRig)
    yield made
    made.close()


def test_knows_the_space_and_the_work_of_the_backbone(rig: ModelRig) -> None:
    assert rig.space.names == ("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3")
    assert rig.space.contains(rig.reference)
    assert rig.work(rig.space.sparsest).macs < rig.work(rig.reference).macs < rig.work(rig.space.dense).macs


def test_times_on_a_simulated_device_and_says_so(rig: ModelRig) -> None:
    assert rig.simulated
    told: list[int] = []
    (dense,) = rig.measure([rig.space.dense], "ends", True, None, told.append)
    assert dense.median_ms == pytest.approx(DENSE_MS, rel=0.25)  # a session of its own state
    assert dense.device.key == rig.device_key
    assert told == [1]


def test_evaluates_the_splits_of_the_config(rig: ModelRig) -> None:
    plan = Plan.of({"stage0": 0.3})
    (found,) = rig.pool().evaluate([plan], "confirm")
    assert (found.plan, found.images, found.split) == (plan, 2, "confirm")
    assert found.data == rig.pool().digest("confirm") != rig.pool().digest("search")


def test_names_a_checkpoint_of_another_model(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    assert DIGITS.checkpoint is not None
    weights = load_file(DIGITS.checkpoint)
    removed = next(name for name in weights if name.startswith("backbone.stages"))
    del weights[removed]
    save_file(weights, tmp_path / "other.safetensors")
    with pytest.raises((CheckpointError, TargetError), match=r"other\.safetensors") as raised:
        set_up(job(setting=SIMULATED, images=2), target(checkpoint=tmp_path / "other.safetensors"))
    assert removed.removeprefix("backbone.") in str(raised.value)


def test_names_a_checkpoint_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"no weights")
    with pytest.raises((CheckpointError, TargetError), match=r"bad\.pth"):
        set_up(job(setting=SIMULATED, images=2), target(checkpoint=tmp_path / "bad.pth"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('oops')\n", "config .*broken.py cannot be read"),
        ("model = dict(type='MaskRCNN')\n", "config .*broken.py"),
        ("_base_ = '{base}'\nmodel = dict(backbone=dict(type='ResNet', depth=50, _delete_=True))\n", "broken.py"),
        ("_base_ = '{base}'\ndata = dict(search=dict(split='nothing'))\n", "nothing"),
    ],
)
def test_names_a_broken_config(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text.format(base=DIGITS.config))
    with pytest.raises(TargetError, match=message):
        set_up(job(setting=SIMULATED, images=2), target(config=path))


def coco_config(folder: Path, images: int, present: bool) -> Path:
    """A config over a COCO file of its own, with or without the images that it lists."""
    import json

    import numpy as np
    from PIL import Image

    (folder / "images").mkdir()
    listed = [{"id": i, "file_name": f"{i}.png", "height": 224, "width": 224} for i in range(images)]
    boxes = [
        {"id": i + 1, "image_id": i, "category_id": 1, "bbox": [5, 5, 9, 9], "area": 81, "iscrowd": 0,
         "segmentation": [[5, 5, 14, 5, 14, 14, 5, 14]]}
        for i in range(images)
    ]  # fmt: skip
    categories = [{"id": 1, "name": "0"}]
    (folder / "a.json").write_text(json.dumps({"images": listed, "annotations": boxes, "categories": categories}))
    if present:
        for i in range(images):
            Image.fromarray(np.zeros((224, 224, 3), np.uint8)).save(folder / "images" / f"{i}.png")
    split = (
        f"dict(_delete_=True, type='CocoDataset', classes=('0',), ann_file='{folder}/a.json', "
        f"img_prefix='{folder}/images', pipeline={{{{_base_.test_pipeline}}}})"
    )
    (folder / "own.py").write_text(f"_base_ = '{DIGITS.config}'\ndata = dict(search={split}, confirm={split})\n")
    return folder / "own.py"


@pytest.mark.parametrize(("images", "present", "message"), [(0, True, "empty|no image"), (3, False, r"\d\.png")])
def test_names_an_empty_data_set_and_missing_images(tmp_path: Path, images: int, present: bool, message: str) -> None:
    path = coco_config(tmp_path, images, present)
    with pytest.raises(TargetError, match=message):
        set_up(job(setting=SIMULATED, images=2), target(config=path))


def test_a_copy_of_the_weights_is_the_same_target(tmp_path: Path) -> None:
    assert DIGITS.checkpoint is not None
    copied = shutil.copy(DIGITS.checkpoint, tmp_path / "copy.safetensors")
    assert target(checkpoint=Path(copied)).digest() == DIGITS.digest()
