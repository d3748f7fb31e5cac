"""`torchpack dist-run -np 2 python search.py ...`, with the real Open MPI: two ranks find what one process finds."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from search.answer import Answer
from search.targets import BUILTIN

ROOT = Path(__file__).resolve().parents[1]
TORCHPACK = Path(sys.executable).with_name("torchpack")
# a simulated device, so that chance is the same in every run; the model, its weights and its images are the real ones
OPTIONS = ("--device=sim:0", "--evaluations=6", "--images=6", "--seed=3", "--json")


@dataclass(frozen=True)
class Run:
    """One finished search, read from its JSON lines."""

    code: int
    lines: list[dict[str, Any]]
    output: str

    @property
    def answer(self) -> Answer:
        outcome = self.lines[-1]
        assert outcome["kind"] == "outcome" and outcome["data"]["answer"] is not None, self.output
        return Answer.from_dict(outcome["data"]["answer"])

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [line["data"] for line in self.lines if line["kind"] == kind]


def search(home: Path, options: Sequence[str], launcher: Sequence[str] = ()) -> Run:
    """Run the published command line in a state home of its own."""
    target = BUILTIN["digits-sparsevit"]
    command = [*launcher, sys.executable, str(ROOT / "search.py"), str(target.config), str(target.checkpoint), *options]
    environment = {**os.environ, "SPARSEARCH_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=home.parent, env=environment, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    output = done.stdout + done.stderr
    assert lines, output
    return Run(done.returncode, lines, output)


@pytest.fixture(scope="module")
def request_of_a_window(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A budget around the middle of what is possible, and a stored latency model of the device."""
    folder = tmp_path_factory.mktemp("model")
    scout = search(folder / "home", ["--max=1000000", *OPTIONS, "--evaluations=0"])
    middle = (scout.answer.floor.median_ms + scout.answer.dense.median_ms) / 2
    (fitted,) = scout.events("latency_model")
    model = folder / "model.json"
    model.write_text(json.dumps(fitted["model"]))
    return (f"--max={middle * 1.1:.3f}", f"--min={middle * 0.6:.3f}", f"--latency-model={model}", *OPTIONS)


def ranks(number: int) -> tuple[str, ...]:
    assert shutil.which("mpirun"), "mpirun is missing: make system (or apt-get install openmpi-bin)"
    return (str(TORCHPACK), "dist-run", "-np", str(number))


def test_two_ranks_find_what_one_process_finds(request_of_a_window: tuple[str, ...], tmp_path: Path) -> None:
    alone = search(tmp_path / "alone", request_of_a_window)
    assert alone.code == 0, alone.output
    together = search(tmp_path / "together", request_of_a_window, ranks(2))
    assert together.code == 0, together.output

    one, two = alone.answer, together.answer
    assert two.plan is not None and two.plan == one.plan
    assert (two.metrics, two.confirmed, two.dense_metrics) == (one.metrics, one.confirmed, one.dense_metrics)
    assert two.front == one.front
    assert two.decision is not None and two.decision == one.decision and two.decision["meets"] is True
    assert together.events("latency_model")[0]["source"] == "given"
    for answer in (one, two):
        assert answer.bundle is not None and (Path(answer.bundle) / "finetune.py").is_file()


def test_impossible_budget_ends_every_rank_with_exit_code_3(tmp_path: Path) -> None:
    run = search(tmp_path / "home", ["--max=0.001", *OPTIONS], ranks(2))
    assert run.code == 3, run.output
    assert run.lines[-1]["data"]["state"] == "infeasible"
    assert run.events("evaluation") == []
