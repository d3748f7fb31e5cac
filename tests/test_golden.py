"""Parity with the recorded originals; the committed subset everywhere, the whole recording where it is at hand."""

from pathlib import Path

import pytest

from tests.golden_check import main, run_directory

COMMITTED = Path(__file__).parent / "golden"
RECORDED = Path(__file__).parents[2] / "shared" / "golden"
METHODS = sorted(path.name for path in COMMITTED.iterdir() if path.is_dir())


def directory(method: str) -> Path:
    return RECORDED / method if (RECORDED / method).is_dir() else COMMITTED / method


@pytest.mark.parametrize("method", METHODS)
def test_every_recorded_case_is_reproduced(method: str) -> None:
    results = list(run_directory(directory(method)))
    assert len(results) > 100
    assert [result for result in results if not result.difference <= result.tolerance] == []


def test_empty_directory_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "no golden case" in capsys.readouterr().err


def test_changed_tensor_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from safetensors.torch import load_file, save_file

    for name in ("stock_swin_padding.json", "tiny_a_weights.json", "tiny_a_weights.safetensors"):
        (tmp_path / name).write_bytes((COMMITTED / "sparsevit" / name).read_bytes())
    tensors = load_file(COMMITTED / "sparsevit" / "stock_swin_padding.safetensors")
    tensors["output.2"][0, 0, 0, 0] += 1e-3
    save_file(tensors, tmp_path / "stock_swin_padding.safetensors")
    assert main([str(tmp_path)]) == 1
    assert "FAIL stock_swin_padding output.2" in capsys.readouterr().out


def test_unknown_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text('{"reference_class": "Unknown"}')
    assert main([str(tmp_path)]) == 1
