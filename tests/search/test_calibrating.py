"""`sparsearch calibrate`: knobs that images settle, on a model's own data and without labels."""

import json
from pathlib import Path

import pytest
from mmcv import Config
from mmdet.models import build_detector
from safetensors.torch import save_file

from models.plan import Plan
from search.targets import BUILTIN
from sparsearch.cli import main
from tests.search.test_content import SVIT

SPARSEVIT = BUILTIN["digits-sparsevit"]
HOURGLASS = """
_base_ = "{base}"
model = dict(
    backbone=dict(_delete_=True, type="HourglassSwin", embed_dims=8, depths=(1, 1, 2, 1), num_heads=(1, 1, 1, 1)),
    neck=dict(in_channels=[8, 16, 32, 64]),
)
"""


def written(folder: Path, text: str) -> tuple[str, str]:
    """A config and fresh weights that fit it."""
    config, weights = folder / "model.py", folder / "model.safetensors"
    config.write_text(text.format(base=SPARSEVIT.config))
    detector = build_detector(Config.fromfile(str(config)).model)
    save_file({name: tensor.contiguous() for name, tensor in detector.state_dict().items()}, weights)
    return str(config), str(weights)


def calibrate(model: tuple[str, str], plan: dict[str, object], *more: str) -> int:
    words = ["--plan", json.dumps(plan), "--images", "8", "--img-size", "112", "--device", "cpu", *more]
    return main(["calibrate", *model, *words])


def test_an_hourglass_gets_its_way_of_clustering_and_keeps_its_place(tmp_path: Path) -> None:
    asked = {"location": 2, "grid": 4}
    assert calibrate(written(tmp_path, HOURGLASS), asked, "-o", str(tmp_path / "plan.json")) == 0
    found = Plan.from_json((tmp_path / "plan.json").read_text())
    assert set(found) == {"location", "grid", "iterations", "neighbourhood", "temperature", "k"}
    assert (found["location"], found["grid"]) == (2, "4x4")


def test_an_svit_gets_thresholds_that_differ_by_selector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(written(tmp_path, SVIT), {"mode": "threshold", "keep": 0.5}) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found.pop("mode") == "threshold" and found.pop("keep") == 0.5
    assert len(found) == 9 and len(set(found.values())) > 1 and all(0 < value < 1 for value in found.values())
    assert "8 images of the search split" in printed.err


def test_an_svit_without_a_plan_gets_the_shares_that_it_chooses_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(written(tmp_path, SVIT), {}) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 9 and all(0 < value <= 1 for value in found.values())


def test_what_has_nothing_to_settle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate((str(SPARSEVIT.config), str(SPARSEVIT.checkpoint)), {}) == 2
    assert "SparseViT has no knobs that images settle" in capsys.readouterr().err
    assert calibrate(written(tmp_path, HOURGLASS), {}, "-o", str(tmp_path / "plan.json")) == 2
    assert "there is nothing to calibrate" in capsys.readouterr().err
    assert not (tmp_path / "plan.json").exists()
