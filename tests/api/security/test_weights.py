"""S5: pickles come as weights in every wrapping: refused or stored as bytes, and never opened."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import CheckpointError
from tests.api.security.canaries import pickles
from tests.api.security.conftest import Inside
from tests.api.support import ROOT

SHAPES = tuple(pickles(Path("/nonexistent")))
PLAIN_DATA = ("as the data of a tensor", "zip as the data of a tensor")
"""Flawless safetensors files: what a tensor's bytes spell is nobody's business, as long as nobody reads them so."""


def test_there_are_six_shapes_and_more() -> None:
    assert {"zip", "legacy", "7z", "torchscript", "plain protocol 2", "behind a safetensors header"} <= set(SHAPES)


def test_a_canary_would_be_seen(tmp_path: Path) -> None:
    import pickle

    pickle.loads(pickles(tmp_path)["plain protocol 4"]).close()
    assert (tmp_path / "plain-protocol-4").exists()


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/vnd.safetensors", "application/x-pickle"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_pickle_is_refused_and_not_executed(inside: Inside, shape: str, kind: str, tmp_path: Path) -> None:
    body = pickles(tmp_path)[shape]
    before = _stored(inside)
    answer = inside.client.post(
        "/v1/checkpoints", params={"name": f"{shape}.safetensors"}, content=body, headers={"Content-Type": kind}
    )
    taken = shape in PLAIN_DATA and kind != "application/x-pickle"
    assert answer.status_code in ((200, 201) if taken else (415, 422)), answer.text
    inside.client.get("/v1/checkpoints")
    inside.client.get("/v1/targets")
    assert list(tmp_path.iterdir()) == [], "a canary sang"
    for path in _stored(inside) - before:
        assert taken
        assert path.suffix == ".safetensors"
        assert path.stat().st_mode & 0o111 == 0
        assert path.read_bytes() == body


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin", ".pt"])
@pytest.mark.parametrize("shape", SHAPES)
def test_even_as_an_operators_file_nothing_of_it_runs(shape: str, suffix: str, tmp_path: Path) -> None:
    from models.checkpoint import read_checkpoint

    canaries = tmp_path / "canaries"
    canaries.mkdir()
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickles(canaries)[shape])
    try:
        read_checkpoint(path)
    except CheckpointError:
        refused = True
    else:
        refused = False
    assert refused or (shape in PLAIN_DATA and suffix == ".safetensors")
    assert list(canaries.iterdir()) == []


def test_the_service_loads_no_code_that_could_open_a_pickle_of_weights() -> None:
    code = "import sys, api.app; print([name for name in ('torch', 'joblib', 'cloudpickle') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def _stored(inside: Inside) -> set[Path]:
    folder = inside.home / "checkpoints"
    return {path for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()
