"""The bundle of a real detector: stock mmdet reads, builds and loads it, from any directory, in a fresh process."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.errors import CheckpointError
from search.export.bundle import Bundle, write_bundle
from search.export.checks import check, failures
from search.export.literals import parse
from search.export.model import build_detector, read_config
from search.export.subject import Subject
from tests.search.export_subjects import subject

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "configs" / "search" / "digits_sparsevit.py"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "fresh.safetensors"
    torch.manual_seed(0)
    state = build_detector(read_config(CONFIG)).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def answer(weights: Path, **changes: Any) -> Subject:
    fields = {"target": "digits-sparsevit", "kind": "detection", "simulated": False, **changes}
    return subject(config=str(CONFIG), checkpoint=str(weights), **fields)


@pytest.fixture(scope="module")
def bundle(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_bundle(answer(weights), tmp_path_factory.mktemp("bundles"))


def test_every_item_passes_and_none_is_left_out(bundle: Bundle) -> None:
    assert [(item.name, item.passed) for item in check(bundle.path)] == [
        ("manifest", True), ("digests", True), ("plan", True), ("config", True), ("mmcv", True), ("model", True),
    ]  # fmt: skip


def test_the_weights_are_tensors_alone_named_by_their_digest(bundle: Bundle) -> None:
    (path,) = bundle.path.glob("*.pth")
    from search.export.files import sha256

    assert path.stem == f"digits-sparsevit-{sha256(path)[:8]}"
    content = torch.load(path, weights_only=True)
    assert set(content) == {"meta", "state_dict"} and content["meta"] == {}


def test_equal_answers_give_equal_bytes_weights_included(bundle: Bundle, weights: Path, tmp_path: Path) -> None:
    assert write_bundle(answer(weights), tmp_path).sha256 == bundle.sha256


_STOCK = """
import os, sys, tempfile, warnings
warnings.simplefilter("ignore")
os.chdir(tempfile.mkdtemp())
from mmcv import Config
from mmcv.runner import load_checkpoint
config = Config.fromfile(sys.argv[1])
from mmdet.models import build_detector
model = build_detector(config.model, train_cfg=config.get("train_cfg"), test_cfg=config.get("test_cfg"))
load_checkpoint(model, config.load_from, map_location="cpu", strict=True)
print(type(model.backbone).__name__, dict(model.backbone.plan)["stage0"], config.runner.max_epochs)
"""


def test_stock_mmdet_builds_and_loads_it_after_a_move_from_any_directory(bundle: Bundle, tmp_path: Path) -> None:
    moved = tmp_path / "moved elsewhere"
    shutil.copytree(bundle.path, moved)
    done = subprocess.run(
        [sys.executable, "-c", _STOCK, str(moved / "finetune.py")],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["SparseViT", "0.6", "3"]


def test_a_checkpoint_of_another_model_is_refused_and_nothing_appears(weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = load_file(weights)
    state.pop("backbone.norm0.weight")
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"backbone\.norm0\.weight"):
        write_bundle(answer(tmp_path / "other.safetensors"), tmp_path / "bundles")
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "item"),
    [
        ("'stage0': 0.6", "'stage0': 0.5", "config"),
        ("custom_imports = ", "import os\ncustom_imports = ", "config"),
        ("log_level = 'INFO'", "log_level = open('/tmp/owned', 'w')", "config"),
        ("resume_from = None", "_base_ = '/tmp/evil.py'", "config"),
        ("{{ fileDirname }}/digits", "/somewhere/digits", "config"),
        ("'imports': ['sparsearch']", "'imports': []", "config"),
        ("'embed_dims': 24", "'embed_dims': 48", "model"),
        ("'type': 'FPN'", "'type': 'NoSuchNeck'", "model"),
    ],
)
def test_an_altered_config_is_found_before_it_could_do_harm(
    bundle: Bundle, tmp_path: Path, old: str, new: str, item: str
) -> None:
    import json

    from search.export.files import listing, listing_digest

    copy = tmp_path / "copy"
    shutil.copytree(bundle.path, copy)
    text = (copy / "finetune.py").read_text()
    assert old in text
    (copy / "finetune.py").write_text(text.replace(old, new))
    # an attacker would fix the digests too
    files = listing(copy, frozenset({"manifest.json"}))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest |= {"files": files, "bundle_sha256": listing_digest(files)}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert failures(check(copy))[0].name == item
    assert not Path("/tmp/owned").exists()


def test_the_config_keeps_what_the_target_says_and_fixes_the_rest(bundle: Bundle) -> None:
    config = parse((bundle.path / "finetune.py").read_text())
    target = read_config(CONFIG)
    assert config["data"] == target["data"] and config["model"]["roi_head"] == target["model"]["roi_head"]
    assert "finetune" not in config and config["optimizer"]["lr"] == target["finetune"]["lr"]
