import json
from pathlib import Path
from typing import Any

import pytest

from search.errors import TargetError
from search.home import Home
from search.targets import BUILTIN, Target, add, find, targets


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path / "home"))
    return Home.default()


def safetensors(path: Path, data: bytes = b"\0" * 8) -> Path:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "base.py").write_text("lr = 1\n")
    (tmp_path / "config.py").write_text("_base_ = ['./base.py']\nmodel = dict(type='X')\n")
    return {"config": tmp_path / "config.py", "checkpoint": safetensors(tmp_path / "w.safetensors")}


def test_an_added_target_is_found_again(home: Home, files: dict[str, Any]) -> None:
    target = Target(name="mine", **files, input_size=(448, 448), batch=4, description='with "quotes" and é')
    add(target, home)
    assert find("mine", home) == target
    assert list(targets(home)) == [*BUILTIN, "mine"]


def test_adding_keeps_the_other_targets(home: Home, files: dict[str, Any]) -> None:
    add(Target(name="one", **files), home)
    add(Target(name="two", **files), home)
    assert {"one", "two"} <= set(targets(home))
    with pytest.raises(TargetError, match="one exists"):
        add(Target(name="one", **files), home)
    add(Target(name="one", **files, batch=9), home, replace=True)
    assert find("one", home).batch == 9


def test_an_unknown_name_lists_the_known_ones(home: Home) -> None:
    with pytest.raises(TargetError, match=f"unknown target 'digit'; known are {', '.join(BUILTIN)}"):
        find("digit", home)


@pytest.mark.parametrize("name", ["", "Upper", "a b", "../x", "x" * 65, "é"])
def test_refuses_a_name_that_is_no_identifier(name: str) -> None:
    with pytest.raises(TargetError, match="must be lower-case"):
        Target(name=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "batch=0"),
        ({"input_size": (224, 0)}, "input_size"),
        ({"input_size": (224,)}, "input_size"),
        ({"scope": "neck"}, "scope='neck'"),
        ({"kind": "audio"}, "kind='audio'"),
    ],
)
def test_refuses_malformed_fields(change: dict[str, object], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Target(**{"name": "x", **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("which", ["config", "checkpoint"])
def test_names_a_missing_or_empty_file(files: dict[str, Any], which: str) -> None:
    target = Target(name="x", **files)
    files[which].write_bytes(b"")
    with pytest.raises(TargetError, match=f"{which} .* is empty"):
        target.check()
    files[which].unlink()
    with pytest.raises(TargetError, match=f"{which} .* does not exist"):
        target.check()


def test_refuses_a_config_that_does_not_parse(files: dict[str, Any]) -> None:
    files["config"].write_text("model = dict(\n")
    with pytest.raises(TargetError, match=r"config .*config\.py is no Python file"):
        Target(name="x", **files).check()


@pytest.mark.parametrize("damage", ["cut", "longer", "pickle", "header"])
def test_refuses_a_checkpoint_that_is_not_whole(files: dict[str, Any], damage: str) -> None:
    path = files["checkpoint"]
    whole = path.read_bytes()
    damaged = {
        "cut": whole[:-3],
        "longer": whole + b"\0",
        "pickle": b"\x80\x04K\x01." * 9,
        "header": b"\xff" * 8 + whole,
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(TargetError, match=r"checkpoint .*w\.safetensors .*copy it again"):
        Target(name="x", **files).check()


def test_the_digest_covers_weights_config_and_its_bases(files: dict[str, Any], tmp_path: Path) -> None:
    target = Target(name="x", **files)
    before = target.digest()
    assert before == Target(name="other-name", **files).digest()
    seen = {before}
    (tmp_path / "base.py").write_text("lr = 2\n")
    seen.add(target.digest())
    files["config"].write_text("_base_ = './base.py'\nmodel = dict(type='Y')\n")
    seen.add(target.digest())
    safetensors(files["checkpoint"], b"\1" * 8)
    seen.add(target.digest())
    assert len(seen) == 4


def test_names_a_users_file_that_cannot_be_read(home: Home) -> None:
    home.targets.parent.mkdir(parents=True)
    home.targets.write_text("[targets.x\n")
    with pytest.raises(TargetError, match=r"cannot read .*targets\.toml"):
        targets(home)
    home.targets.write_text('[targets.x]\nconfg = "a.py"\n')
    with pytest.raises(TargetError, match=r"unknown fields \['confg'\]"):
        targets(home)


def test_builtin_targets_point_at_our_own_files() -> None:
    digits = BUILTIN["digits-sparsevit"]
    assert digits.config is not None and digits.checkpoint is not None
    root = Path(__file__).resolve().parents[2]
    assert digits.config.is_relative_to(root / "configs")
    assert digits.checkpoint.is_relative_to(root / "samples")
    assert BUILTIN["synthetic-swin-t"].description.startswith("SIMULATED")
