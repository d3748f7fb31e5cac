"""Kill -9 of the coordinating process at random moments: nothing finished is repeated, and the answer is the same."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from models.plan import Plan
from search.home import Home
from search.proposing import RUNGS
from search.records import Event
from search.store import Store
from tests.search.coordinating import EVALUATIONS
from tests.search.support import SPACE, lines
from tests.search.test_flow import timeless

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10


class Front:
    """A home with a slow synthetic target, and the process that coordinates a search in it."""

    def __init__(self, folder: Path, model: Path, delay_s: float) -> None:
        folder.mkdir()
        self.home = Home(folder)
        self.log = folder / "evaluated.log"
        self.model = model
        (folder / "targets.toml").write_text(
            f'[targets.slow]\nkind = "synthetic"\noptions = {{delay_s = {delay_s}, log = "{self.log}"}}\n'
        )

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.search.coordinating", str(self.home.path), str(self.model)]
        if self.home.database.exists() and self.state:
            command.append("resume")
        environment = {**os.environ, "SPARSEARCH_HOME": str(self.home.path), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    def finish(self) -> int:
        process = self.start()
        output, _ = process.communicate(timeout=120)
        assert output, (self.home.run("s") / "runner.log").read_text()
        return process.returncode

    def kill_after(self, events: int, pause_s: float) -> bool:
        """Kill the process when it has shown so many events; False: it ended before."""
        process = self.start()
        assert process.stdout is not None
        for _ in range(events):
            if not process.stdout.readline():
                break
        else:
            time.sleep(pause_s)
        ended = process.poll() is not None
        process.kill()
        process.wait()
        process.stdout.close()
        return not ended

    @property
    def state(self) -> str | None:
        with Store.read(self.home.database) as store:
            found = store.searches()
        return found[0].state if found else None

    @property
    def events(self) -> list[Event]:
        with Store.read(self.home.database) as store:
            return store.events("s")

    @property
    def committed(self) -> set[str]:
        return {
            Plan.of(event.data["evaluation"]["plan"]).to_json() for event in self.events if event.kind == "evaluation"
        }

    @property
    def answer(self) -> dict[str, Any]:
        return timeless(dict(self.events[-1].data["answer"]))

    @property
    def asks(self) -> list[Any]:
        return [event.data["plans"] for event in self.events if event.kind == "ask"]

    def searched(self) -> list[str]:
        """Plans evaluated on the search split so far, with repeats, in order."""
        return [line.removeprefix("search ") for line in lines(self.log) if line.startswith("search ")]

    def orphans(self) -> list[int]:
        mark = f"SPARSEARCH_HOME={self.home.path}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.search.test_flow import fitted_model

    path = tmp_path_factory.mktemp("model") / "model.json"
    path.write_text(json.dumps(fitted_model(tmp_path_factory.mktemp("fit"))["model"]))
    return path


def test_killed_at_ten_random_moments_it_ends_with_the_same_answer_and_repeats_nothing(
    tmp_path: Path, model_file: Path
) -> None:
    whole = Front(tmp_path / "whole", model_file, 0.0)
    assert whole.finish() == 0
    assert Counter(whole.searched()).most_common(1)[0][1] == 1
    assert len(whole.searched()) == EVALUATIONS + RUNGS

    rng = random.Random(20261121)
    kills, homes = 0, 0
    while kills < KILLS:
        homes += 1
        killed = Front(tmp_path / f"killed{homes}", model_file, 0.04)
        while kills < KILLS and killed.kill_after(rng.randint(1, 14), rng.uniform(0, 0.1)):
            kills += 1
            deadline = time.monotonic() + 10
            while killed.orphans() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert killed.orphans() == []
            done, before = killed.committed if killed.state else set(), len(killed.searched())
            assert set(killed.searched()) >= done
            # whatever the next process evaluates, it is nothing that was committed
            killed_again = killed.kill_after(rng.randint(4, 10), 0.0) if rng.random() < 0.5 else False
            kills += killed_again
            assert not done & set(killed.searched()[before:])
        assert killed.finish() == 0
        assert killed.asks == whole.asks
        assert killed.answer == whole.answer
        plans = [plan for plan in killed.searched()]
        assert set(plans) == set(whole.searched())
        rows = Counter(event.key for event in killed.events if event.key is not None)
        assert rows.most_common(1)[0][1] == 1
        # a kill loses the one in flight and what waited for its commit: on a busy machine that may be a few
        assert len(plans) - len(set(plans)) <= 4 * kills
        with Store.read(killed.home.database) as store:
            assert len(store.archive(store.search("s").target_digest)) == len(set(plans)) + 2
    assert kills >= KILLS
    assert SPACE.dense.to_json() in whole.searched()
