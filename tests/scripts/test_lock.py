"""The lock file, and the names derived from it."""

from pathlib import Path

import pytest

from scripts.environment.errors import SetupError
from scripts.environment.lock import cache_folder, environment_name, read_lock, wheel_name

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "ninja==1\nsetuptools==2\nwheel==3\npsutil==4\n"
PINS = f"torch==2.11.0\nmmcv-full==1.7.2\n{TOOLS}"


def lock_file(folder: Path, text: str) -> Path:
    path = folder / "requirements.lock"
    path.write_text(text)
    return path


def test_reads_pins_and_markers(tmp_path: Path) -> None:
    lock = read_lock(lock_file(tmp_path, PINS + 'Triton_X==3.6.0 ; sys_platform == "linux"  # why\n'))
    assert lock.pins["torch"] == "2.11.0"
    assert lock.lines["triton-x"] == 'Triton_X==3.6.0 ; sys_platform == "linux"'


def test_compiled_package_is_left_to_the_compiler(tmp_path: Path) -> None:
    text = read_lock(lock_file(tmp_path, PINS)).without_compiled()
    assert "torch==2.11.0\n" in text and "mmcv-full" not in text


def test_hash_ignores_comments_and_order_but_no_version(tmp_path: Path) -> None:
    original = read_lock(lock_file(tmp_path, PINS)).digest
    reordered = "# a comment\n\n" + "\n".join(reversed(PINS.splitlines()))
    assert read_lock(lock_file(tmp_path, reordered)).digest == original
    assert read_lock(lock_file(tmp_path, PINS.replace("2.11.0", "2.11.1"))).digest != original


@pytest.mark.parametrize("line", ["numpy", "numpy>=1.26", "numpy @ file:///tmp/numpy.whl", "--extra-index-url there"])
def test_refuses_what_is_no_pin(tmp_path: Path, line: str) -> None:
    with pytest.raises(SetupError, match=r"requirements\.lock:7: expected `name==version`"):
        read_lock(lock_file(tmp_path, PINS + line))


def test_names_the_missing_tool(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no pin for ninja"):
        read_lock(lock_file(tmp_path, PINS.replace("ninja==1\n", "")))


def test_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Run the set-up from the root"):
        read_lock(tmp_path / "requirements.lock")


def test_names_tell_apart_what_must_not_mix(tmp_path: Path) -> None:
    lock = read_lock(lock_file(tmp_path, PINS))
    other_torch = read_lock(lock_file(tmp_path, PINS.replace("2.11.0", "2.10.0")))
    wheels = {wheel_name(lock, "cpu"), wheel_name(lock, "cuda"), wheel_name(other_torch, "cpu")}
    assert len(wheels) == 3
    assert environment_name(lock, "cuda") == environment_name(lock, "cpu") + "-cuda"


def test_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSEARCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("SPARSEARCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/sparsearch")


def test_our_lock_pins_every_declared_dependency() -> None:
    import tomllib

    lock = read_lock(ROOT / "requirements.lock")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [line.replace("[", "=").replace("<", "=").replace(">", "=").split("=")[0].lower() for line in declared]
    assert len(names) > 10
    assert [name for name in names if name not in lock.pins] == []
