import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import process
from search.errors import RunnerError
from search.process import RunnerProcess

SCRIPTED = str(Path(__file__).parent / "scripted_runner.py")
ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., RunnerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def started(**act: Any) -> RunnerProcess:
        script = tmp_path / "script.json"
        script.write_text(json.dumps([act]))
        return RunnerProcess({"job": 1}, tmp_path / "log" / "runner.log", [sys.executable, SCRIPTED, str(script)])

    return started


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_tells_the_runner_its_request_and_hears_its_lines(start: Start, tmp_path: Path) -> None:
    runner = start(lines=[{"kind": "log"}, {"kind": "end"}])
    assert [line["kind"] for line in runner.lines()] == ["log", "end"]
    assert runner.wait() == 0
    assert json.loads((tmp_path / "script.requests").read_text()) == {"job": 1, "parent": os.getpid()}


def test_a_torn_last_line_is_what_a_killed_runner_leaves(start: Start) -> None:
    runner = start(lines=[{"kind": "log"}, '{"kind": "eval'], status=-signal.SIGKILL)
    assert [line["kind"] for line in runner.lines()] == ["log"]
    assert runner.wait() == -signal.SIGKILL


@pytest.mark.parametrize("line", ["Traceback (most recent call last):\n", "[1]\n"])
def test_refuses_what_is_no_event(start: Start, line: str) -> None:
    runner = start(lines=[line])
    with pytest.raises(RunnerError, match="which is no event"):
        list(runner.lines())
    runner.wait()


def test_stops_a_runner_that_listens(start: Start) -> None:
    runner = start(lines=[{"kind": "log"}], hang=True)
    next(runner.lines())
    runner.stop()
    assert runner.wait() == -signal.SIGTERM


def test_kills_a_runner_that_does_not(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    runner = start(lines=[{"kind": "log"}], hang=True, stubborn=True)
    next(runner.lines())
    runner.stop()
    assert runner.wait() == -signal.SIGKILL


@pytest.mark.parametrize("status", [0, -signal.SIGKILL])
def test_what_a_runner_started_ends_with_it(start: Start, status: int) -> None:
    runner = start(lines=[], daemon=True, status=status)
    (told,) = runner.lines()
    assert alive(told["pid"])
    assert runner.wait() == status
    assert gone(told["pid"])


def test_names_a_program_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="cannot start the runner"):
        RunnerProcess({}, tmp_path / "log", ["/does/not/exist"])


PARENT = """
import sys
from pathlib import Path
from search.process import RunnerProcess
request = eval(sys.argv[1])
runner = RunnerProcess(request, Path(sys.argv[2]))
print(runner._process.pid, flush=True)
for line in runner.lines():
    print(line["kind"], flush=True)
"""


def test_a_runner_dies_with_its_parent(tmp_path: Path) -> None:
    from search.targets import BUILTIN, Target
    from tests.search.support import job

    slow = Target.from_dict({**BUILTIN["synthetic-swin-t"].to_dict(), "options": {"delay_s": 30.0}})
    request = {
        "job": job(sampler="random").to_dict(), "target": slow.to_dict(), "done": [], "archive": [], "models": [],
        "folder": str(tmp_path), "bundles": str(tmp_path),
    }  # fmt: skip
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, repr(request), str(tmp_path / "log")], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    kinds = []
    while "ask" not in kinds:
        kinds.append(parent.stdout.readline().decode().strip())
        assert kinds[-1], f"the runner ended early: {kinds}, {(tmp_path / 'log').read_text()}"
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pid)
