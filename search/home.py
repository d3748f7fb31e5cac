"""The state home: where the database, the logs, the bundles and the user's targets live."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """A folder of SparSearch's own state.

    Args:
        path: the folder; made when something is written.
    """

    path: Path

    @classmethod
    def default(cls) -> "Home":
        """`$SPARSEARCH_HOME`, else `$XDG_DATA_HOME/sparsearch`, else `~/.local/share/sparsearch`."""
        if chosen := os.environ.get("SPARSEARCH_HOME"):
            return cls(Path(chosen).expanduser().resolve())
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return cls(Path(data) / "sparsearch")

    @property
    def database(self) -> Path:
        """The SQLite file of every search."""
        return self.path / "sparsearch.db"

    @property
    def bundles(self) -> Path:
        """Exported bundles, one folder per search."""
        return self.path / "bundles"

    @property
    def checkpoints(self) -> Path:
        """Uploaded weights, each under its sha256."""
        return self.path / "checkpoints"

    def run(self, search_id: str) -> Path:
        """Logs and scratch of one search."""
        return self.path / "runs" / search_id

    @property
    def targets(self) -> Path:
        """The user's own targets: here under `$SPARSEARCH_HOME`, else `~/.config/sparsearch/targets.toml`."""
        if os.environ.get("SPARSEARCH_HOME"):
            return self.path / "targets.toml"
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(config) / "sparsearch" / "targets.toml"
