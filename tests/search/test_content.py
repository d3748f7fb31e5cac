"""Plans whose latency depends on the images are timed on validation images, and the record says on which."""

import json
from pathlib import Path

import pytest
import torch

from latency.setting import Setting
from models.plan import Plan
from models.sparsevit import SparseViT
from models.zoo import build
from search.content import content, depends_on_content
from search.targets import BUILTIN
from sparsearch.cli import main

CONFIG = BUILTIN["digits-sparsevit"].config
SVIT = """
_base_ = "{base}"
model = dict(
    backbone=dict(_delete_=True, type="SelectiveViTAdapter", embed_dim=24, num_heads=3, conv_inplane=4,
                  deform_num_heads=3, pretrain_size=64),
    neck=dict(in_channels=[24, 24, 24, 24]),
)
"""


def test_batches_are_whole_and_filled_up_from_the_front() -> None:
    assert CONFIG is not None
    batches, said = content(CONFIG, Setting(batch=4, input_size=(96, 128)), most=6)
    assert [tuple(batch.shape) for batch in batches] == [(4, 3, 96, 128)] * 2
    assert torch.equal(batches[1][2:], batches[0][:2])
    assert not torch.equal(batches[0][0], batches[0][1])
    assert said.startswith("6 images of the search split, sha256 ")
    again, same = content(CONFIG, Setting(batch=4, input_size=(96, 128)), most=6)
    assert said == same and torch.equal(again[0], batches[0])


def test_only_some_plans_of_some_backbones_depend_on_content() -> None:
    svit = build("svit_adapter_nano")
    counts, draws = Plan.of({"keep": 0.5}), Plan.of({"mode": "argmax"})
    assert not depends_on_content(svit, [counts])
    assert depends_on_content(svit, [counts, draws])
    assert not depends_on_content(SparseViT(embed_dims=8, num_heads=(1, 1, 1, 1)), [Plan.of({"stage0": 0.5})])


@pytest.mark.parametrize(("plan", "inputs"), [({"keep": 0.5}, "random images"), ({"mode": "argmax"}, "64 images of")])
def test_the_record_says_which_images_were_timed(
    plan: dict[str, object], inputs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "svit.py").write_text(SVIT.format(base=CONFIG))
    words = ["measure", str(tmp_path / "svit.py"), "--img-size", "64", "--plan", json.dumps(plan), "--json"]
    assert main([*words, "--threads", "1", "--device", "cpu"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["inputs"].startswith(inputs)
    assert told["plan"].items() >= plan.items()


def test_a_bare_backbone_has_no_images_to_be_timed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "svit_adapter_nano", "--plan", '{"mode": "argmax"}', "--img-size", "64"]) == 2
    assert "depends on the images" in capsys.readouterr().err
