"""What the options of several commands mean."""

from pathlib import Path

import pytest

from search.errors import JobError
from sparsearch.options import size_for

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "img_size", "expected"),
    [
        ("sparsevit/mask_rcnn_sparsevit-t_fpn_3x_coco.py", None, (672, 672)),
        ("stvit/mask_rcnn_stvit-s_fpn_1x_coco.py", None, (800, 1344)),
        ("stvit/mask_rcnn_stvit-s_fpn_1x_coco.py", "448x672", (448, 672)),
        ("classification/stvit-b_384_30e_imagenet.py", None, (384, 384)),
        ("classification/stvit-nano_adapt-64_digit-classes.py", None, (128, 128)),
        ("video/swin-t_patch244_window877_kinetics400_1k.py", None, (224, 224)),
    ],
)
def test_a_config_is_timed_at_the_size_it_is_tested_at(
    name: str, img_size: str | None, expected: tuple[int, int]
) -> None:
    assert size_for(str(CONFIGS / name), img_size) == expected


def test_a_backbone_has_a_usual_size_and_a_config_that_says_nothing_gets_one(tmp_path: Path) -> None:
    assert size_for("stvit_small", None) == (224, 224)
    (tmp_path / "bare.py").write_text("model = dict(type='X')\n")
    (tmp_path / "several.py").write_text("data = dict(test=[dict(size=64), dict(size=96)])\n")
    assert size_for(str(tmp_path / "bare.py"), None) == size_for(str(tmp_path / "several.py"), None) == (672, 672)
    with pytest.raises(
        JobError, match=r"'gone\.py' is neither a config file nor a backbone of the zoo \(sparsevit_tiny"
    ):
        size_for("gone.py", None)
