"""What the ranks add up to, and which target and request a command line means."""

import shutil
from pathlib import Path

import pytest

from search.errors import BudgetError, JobError, LaunchError, TargetError
from search.home import Home
from search.launcher import job_of, main, parser, pool_of, register
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
def target(config: Path, checkpoint: Path) -> Target:
    return Target(name="mine", config=config, checkpoint=checkpoint, batch=4, device="cpu")


def test_options_become_a_request(target: Target) -> None:
    line = ["c.py", "w.pth", "--max", "42", "--min", "37", "--img_size", "448", "--seed", "7"]
    job = job_of(parser().parse_args(line), 3, target)
    assert (job.budget.max_ms, job.budget.min_ms) == (42.0, 37.0)
    assert (job.setting.batch, job.setting.input_size, job.setting.device) == (4, (448, 448), "cpu")
    assert (job.workers, job.pool, job.seed) == (3, "ray", 7)


def test_one_rank_evaluates_in_the_runner(target: Target) -> None:
    job = job_of(parser().parse_args(["c.py", "w.pth", "--max", "42"]), 1, target)
    assert (job.workers, job.pool, job.budget.min_ms) == (1, "serial", None)
    assert job.setting.input_size == (672, 672)


def test_broken_latency_model_is_named(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text("{")
    line = ["c.py", "w.pth", "--max", "42", "--latency-model", str(path)]
    with pytest.raises(JobError, match=r"latency model .*model\.json"):
        job_of(parser().parse_args(line), 1, target)


def test_budget_that_is_none_is_refused(target: Target) -> None:
    with pytest.raises(BudgetError):
        job_of(parser().parse_args(["c.py", "w.pth", "--max", "nan"]), 1, target)


def test_refusals_are_told_in_one_line(
    home: Home, config: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.delenv(name, raising=False)
    line = [str(config), str(checkpoint), "--max", "-1", "--device", "cpu"]
    assert main(line, lambda event: None, lambda outcome: None) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: max_ms=-1") and said.count("\n") == 1
