"""The whole way of an engineer, with curl alone: POST a budget, follow, choose, download, verify, fine-tune.

A real service, a real detector on real images, measured on this machine; the effort is small.
"""

import json
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.support import ROOT, LiveServer, live_server

REQUEST = {
    "target": "digits-sparsevit",
    "setting": {"device": "cpu", "threads": 1, "img_size": [224, 224]},
    "effort": {"evaluations": 1, "images": 8},
}
TYPE = "Content-Type: application/json"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LiveServer]:
    with live_server(tmp_path / "home") as server:
        yield server


def curl(*words: str, folder: Path) -> str:
    done = subprocess.run(
        ["curl", "-fsS", "--noproxy", "*", *words], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"curl {shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def post(server: LiveServer, folder: Path, max_ms: float) -> dict[str, Any]:
    body = json.dumps({**REQUEST, "max_ms": max_ms})
    answer: dict[str, Any] = json.loads(curl(f"{server.url}/search", "-H", TYPE, "-d", body, folder=folder))
    assert answer["state"] == "queued"
    return answer


def follow(server: LiveServer, search: str) -> Iterator[dict[str, Any]]:
    """The events of a search, as curl prints them, while it runs."""
    words = ["curl", "-fsSN", "--noproxy", "*", f"{server.url}/v1/searches/{search}/events?after=0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))
        finally:
            process.kill()


def sparsearch(*words: str, home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SPARSEARCH_HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "sparsearch", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def ends_of(server: LiveServer, folder: Path) -> tuple[float, float]:
    """Latency of the sparsest and the dense plan on this machine now: what a search measures first."""
    search = post(server, folder, 1000.0)["id"]
    for event in follow(server, search):
        assert event["name"] != "end", event
        if event["name"] == "measurement" and event["purpose"] == "ends":
            curl("-X", "POST", f"{server.url}/v1/searches/{search}/cancel", folder=folder)
            floor, dense = (one["latency"]["ms"] for one in event["measurements"])
            return floor, dense
    raise AssertionError("the stream of events ended before the ends were measured")


def test_from_a_budget_to_a_fine_tuned_detector(service: LiveServer, tmp_path: Path) -> None:
    folder = tmp_path / "me"
    folder.mkdir()
    floor, dense = ends_of(service, folder)
    assert 0 < floor < dense
    budget = round(floor + 0.85 * (dense - floor), 3)
    said = json.loads(
        curl(
            f"{service.url}/v1/searches:validate", "-H", TYPE, "-d", json.dumps({**REQUEST, "max_ms": budget}),
            folder=folder,
        )
    )  # fmt: skip
    assert said["feasible"] is not False and said["floor_ms"] == pytest.approx(floor)

    search = post(service, folder, budget)["id"]
    names = [event["name"] for event in follow(service, search)]
    found = json.loads(curl(f"{service.url}/v1/searches/{search}", folder=folder))
    assert found["state"] == "succeeded", f"{found['message']}; floor {floor}, dense {dense}, budget {budget}"
    assert names[-1] == "end" and {"measurement", "model", "trial", "front", "verify", "confirm", "export"} <= set(
        names
    )
    assert found["simulated"] is False and found["answer"]["upper_ms"] <= budget

    front = json.loads(curl(f"{service.url}/v1/searches/{search}/front", folder=folder))
    chosen = next(point for point in front["points"] if point["id"] == front["chosen"])
    assert chosen["meets"] == "yes" and chosen["latency"]["measured"]
    path = f"{service.url}/v1/searches/{search}/front/{chosen['id']}/bundle.zip"
    curl("-o", "bundle.zip", path, folder=folder)
    subprocess.run(["unzip", "-q", "bundle.zip"], cwd=folder, check=True)
    (bundle,) = [entry for entry in folder.iterdir() if entry.is_dir()]

    verified = sparsearch("verify", str(bundle), home=service.home, folder=folder)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert re.search(r"^pass +model ", verified.stdout, re.M) and "FAIL" not in verified.stdout

    steps = ("data.train.images=20", "data.samples_per_gpu=1", "data.workers_per_gpu=0", "runner.max_epochs=1")
    trained = sparsearch(
        "train", str(bundle / "finetune.py"), "--no-validate", "--work-dir", "work",
        "--cfg-options", *steps, "log_config.interval=5",
        home=service.home, folder=folder,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stdout + trained.stderr
    logs = [json.loads(line) for file in (folder / "work").glob("*.log.json") for line in file.read_text().splitlines()]
    losses = {entry["iter"]: entry["loss"] for entry in logs if entry.get("mode") == "train"}
    assert max(losses) == 20 and all(map(math.isfinite, losses.values())), losses
    assert (folder / "work" / "latest.pth").exists()
