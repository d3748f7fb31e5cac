"""What the ranks add up to, and which target and request a command line means."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from search.errors import LaunchError, TargetError
from search.home import Home
from search.launcher import main, parser, pool_of, register, request
from search.targets import BUILTIN, Target


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path / "home"))
    return Home.default()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "My Model.py"
    path.write_text("model = dict()\n")
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "epoch_12.pth"
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize(
    ("gpus", "pool"),
    [
        ([None], (1, None)),
        ([None, None], (2, None)),
        (["0", "1"], (2, "0,1")),
        (["0,1", "1,2", "0"], (3, "0,1,2")),
        (["0", None], (2, None)),
        (["", ""], (2, "")),
    ],
)
def test_ranks_add_up_to_one_pool(gpus: list[str | None], pool: tuple[int, str | None]) -> None:
    assert pool_of([{"host": "here", "gpus": gpu} for gpu in gpus]) == pool


def test_ranks_on_several_hosts_are_refused() -> None:
    with pytest.raises(LaunchError, match=r"2 hosts \(a, b\); start all of them on one"):
        pool_of([{"host": "b", "gpus": None}, {"host": "a", "gpus": None}])


def test_known_files_are_the_known_target(home: Home) -> None:
    known = BUILTIN["digits-sparsevit"]
    assert known.config is not None and known.checkpoint is not None
    assert register(known.config, known.checkpoint, home) == known


def test_new_files_become_a_target_once(home: Home, config: Path, checkpoint: Path) -> None:
    target = register(config, checkpoint, home)
    assert target.name.startswith("my-model-")
    assert (target.input_size, target.batch) == ((672, 672), 4)
    again = register(config, checkpoint, home)
    assert (again.name, again.config, again.batch) == (target.name, target.config, target.batch)
    other = checkpoint.with_name("other.pth")
    shutil.copy(checkpoint, other)
    assert register(config, other, home).name != target.name


def test_missing_checkpoint_is_named(home: Home, config: Path) -> None:
    with pytest.raises(TargetError, match=r"checkpoint .*absent\.pth does not exist"):
        register(config, config.with_name("absent.pth"), home)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("alone")
def test_command_line_becomes_a_request(home: Home, config: Path, checkpoint: Path) -> None:
    asked: list[list[str]] = []

    def command_line(words: Sequence[str]) -> int:
        asked.append(list(words))
        return 3

    options = ["--max", "42", "--min", "37", "--img_size", "448", "--seed", "7", "--device=cpu"]
    assert main([str(config), str(checkpoint), *options], command_line) == 3
    target = register(config, checkpoint, home).name
    ours = ["search", f"--target={target}", "--max-ms=42", "--workers=1", "--min-ms=37", "--img-size=448"]
    assert asked == [[*ours, "--seed", "7", "--device=cpu"]]


@pytest.mark.usefixtures("alone", "home")
def test_missing_files_are_refused_in_one_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(words: Sequence[str]) -> int:
        raise AssertionError(f"{words} should have been refused")

    assert main([str(config), str(tmp_path / "absent.pth"), "--max", "42"], unreachable) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "absent.pth" in said and said.count("\n") == 1


def test_workers_are_the_ranks(config: Path, checkpoint: Path) -> None:
    target = Target(name="mine", config=config, checkpoint=checkpoint)
    options = parser().parse_args([str(config), str(checkpoint), "--max", "42"])
    assert request(options, target, 4) == ["search", "--target=mine", "--max-ms=42", "--workers=4"]
