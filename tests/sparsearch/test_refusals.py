"""What cannot be done is refused with one message that names the field and the remedy; nothing is written."""

from pathlib import Path

import pytest

from sparsearch.failures import CANCELLED, FAILED, REFUSED, code_of, guarded, message_of
from tests.sparsearch.conftest import Run

SEARCH = ("search", "--target", "synthetic-swin-t")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((*SEARCH, "--max-ms", "nan"), "max_ms=nan"),
        ((*SEARCH, "--max-ms", "inf"), "max_ms=inf"),
        ((*SEARCH, "--max-ms", "0"), "max_ms=0"),
        ((*SEARCH, "--max-ms=-4"), "max_ms=-4"),
        ((*SEARCH, "--max-ms", "42ms"), "--max-ms"),
        ((*SEARCH, "--max-ms", ""), "--max-ms"),
        ((*SEARCH, "--max-ms", "30", "--min-ms", "nan"), "min_ms=nan"),
        ((*SEARCH, "--max-ms", "30", "--min-ms", "31"), "min_ms=31"),
        ((*SEARCH, "--max-ms", "30", "--stat", "mean"), "median, p90, p95, p99"),
        ((*SEARCH, "--max-ms", "30", "--sampler", "magic"), "evolution"),
        ((*SEARCH, "--max-ms", "30", "--evaluations", "-1"), "evaluations=-1"),
        ((*SEARCH, "--max-ms", "30", "--workers", "0"), "workers=0"),
        ((*SEARCH, "--max-ms", "30", "--seed", "-1"), "seed=-1"),
        ((*SEARCH, "--max-ms", "30", "--images", "0"), "images=0"),
        ((*SEARCH, "--max-ms", "30", "--batch", "0"), "batch=0"),
        ((*SEARCH, "--max-ms", "30", "--device", "tpu"), "cpu, cuda:0"),
        ((*SEARCH, "--max-ms", "30", "--device", "cpu"), "--device sim:0"),
        ((*SEARCH, "--max-ms", "30", "--dtype", "float64"), "float32"),
        ((*SEARCH, "--max-ms", "30", "--runtime", "magic"), "eager"),
        ((*SEARCH, "--max-ms", "30", "--scope", "head"), "backbone"),
        ((*SEARCH, "--max-ms", "30", "--img-size", "0"), "448x672"),
        ((*SEARCH, "--max-ms", "30", "--img-size", "a"), "448x672"),
        ((*SEARCH, "--max-ms", "30", "--latency-model", "gone.json"), "gone.json"),
        ((*SEARCH, "--max-ms", "30", "--output", "."), "exists already"),
        (("search", "--target", "nope", "--max-ms", "30"), "sparsearch target add"),
        (("search", "--max-ms", "30"), "--target"),
        (("search",), "--target"),
        (("search", "--resume", "last", "--max-ms", "3"), "--resume"),
        (("target", "add", "UPPER", "c.py", "w.pth"), "UPPER"),
        (("target", "add", "mine", "gone.py", "w.pth"), "gone.py"),
        (("measure", "no-such-backbone"), "sparsevit_tiny"),
        (("measure", "sparsevit_nano", "--plan", "{bad"), "JSON object"),
        (("front", "last", "--table", "nope"), "measurements"),
        (("train", "gone.py", "--launcher", "slurm"), "pytorch"),
        (("nonsense",), "nonsense"),
        (("search", "--nonsense"), "--nonsense"),
    ],
)
def test_a_wrong_request_is_refused(run: Run, home: Path, arguments: tuple[str, ...], named: str) -> None:
    said = run(*arguments)
    assert said.code == REFUSED
    assert named in said.err and "Traceback" not in said.err and said.out == ""
    assert not (home / "bundles").exists() and not (home / "runs").exists()


def test_a_latency_model_that_is_no_model_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"a": ')
    (tmp_path / "list.json").write_text("[]")
    for name in ("torn.json", "list.json"):
        said = run(*SEARCH, "--max-ms", "30", "--latency-model", name)
        assert said.code == REFUSED and name in said.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"model = dict(", "no Python file"), (b"\x00", "no Python file")],
)
def test_a_broken_config_is_refused_by_name(run: Run, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "c.py").write_bytes(content)
    (tmp_path / "w.pth").write_bytes(b"weights")
    said = run("target", "add", "mine", "c.py", "w.pth")
    assert said.code == REFUSED and "c.py" in said.err and reason in said.err


def test_a_torn_checkpoint_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text("model = {}\n")
    (tmp_path / "w.safetensors").write_bytes((400).to_bytes(8, "little") + b'{"a"')
    said = run("target", "add", "mine", "c.py", "w.safetensors")
    assert said.code == REFUSED and "w.safetensors" in said.err


@pytest.mark.parametrize("command", [("show",), ("front",), ("watch",), ("export",), ("finetune",)])
def test_a_search_that_is_not_there_is_an_error_that_lists_the_way_out(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command, "nope")
    assert said.code == FAILED and "sparsearch list" in said.err and "Traceback" not in said.err


def test_errors_become_one_line_and_a_code_unless_debugging(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.delenv("SPARSEARCH_DEBUG", raising=False)
    assert guarded(fail) == FAILED
    assert capsys.readouterr().err == (
        "error: unexpected ZeroDivisionError: two; run again with SPARSEARCH_DEBUG=1 for the traceback\n"
    )
    monkeypatch.setenv("SPARSEARCH_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        guarded(fail)


def test_an_interrupt_is_a_cancellation_and_a_missing_file_is_named() -> None:
    assert code_of(KeyboardInterrupt()) == CANCELLED and message_of(KeyboardInterrupt()) == "interrupted"
    assert message_of(FileNotFoundError(2, "No such file or directory", "x.py")) == "No such file or directory: x.py"
