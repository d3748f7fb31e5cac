"""Pickled arrays are read; pickles that want more are refused, and run nothing."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import CheckpointError
from models.hourglass_pickle import read_pickled_arrays
from models.hourglass_swin import HourglassSwin


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_reads_what_detectron2_writes(tmp_path: Path, protocol: int) -> None:
    weights = {
        "backbone.norm1.weight": np.arange(6, dtype=np.float32),
        "scalar": np.float32(2),
        "half": np.ones(2, "f2"),
    }
    content = {"model": OrderedDict(weights), "__author__": "somebody", "matching_heuristics": True}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    found = read_pickled_arrays(tmp_path / "a.pkl")
    assert torch.equal(found["backbone.norm1.weight"], torch.arange(6.0))
    assert set(found) == {"backbone.norm1.weight", "half"}


def test_names_of_older_numpy_are_known(tmp_path: Path) -> None:
    # protocol 2 spells the module out, so that it can be renamed in the bytes
    new = pickle.dumps({"a": np.arange(3.0)}, 2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "a.pkl").write_bytes(old)
    assert b"numpy.core" in old
    assert read_pickled_arrays(tmp_path / "a.pkl")["a"].tolist() == [0, 1, 2]


def test_a_backbone_takes_the_entries(tmp_path: Path) -> None:
    options = {"embed_dims": 8, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1), "window_size": 3}
    source, model = (HourglassSwin(**options) for _ in range(2))  # type: ignore[arg-type]
    arrays = {name: tensor.numpy() for name, tensor in source.state_dict().items()}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"model": arrays}))
    model.load_state_dict(model.fit_checkpoint(read_pickled_arrays(tmp_path / "a.pkl")).state)
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in model.state_dict().items())


class Command:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"model": {"a": np.ones(2), "b": c}}, lambda c: [c]])
def test_commands_are_refused_and_not_run(tmp_path: Path, wrap) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(wrap(Command(tmp_path / "ran"))))
    with pytest.raises(CheckpointError, match=r"not loaded for safety: it wants to call (posix|nt)\.system"):
        read_pickled_arrays(tmp_path / "a.pkl")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04}", b"no pickle at all", pickle.dumps(np.array([object()], "O"))])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(CheckpointError):
        read_pickled_arrays(tmp_path / "a.pkl")


@pytest.mark.parametrize("content", [[1], {"model": {}}, {"a": "text"}, {"model": {"a": 3}}])
def test_files_without_arrays_are_refused(tmp_path: Path, content: object) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match="holds no arrays"):
        read_pickled_arrays(tmp_path / "a.pkl")
