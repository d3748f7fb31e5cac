"""A state home of its own for every test of the service."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE", "HOST", "PORT", "TOKEN", "TOKEN_FILE", "ALLOWED_HOSTS", "CONFIG", "DEBUG"):
        monkeypatch.delenv(f"SPARSEARCH_{name}", raising=False)
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
