"""Prepare this clone: `python -m scripts.setup_env` or `make setup`. Repeat or interrupt it as you like."""

import shutil
import sys
from pathlib import Path

if not (3, 11) <= sys.version_info[:2] <= (3, 12):  # before imports that older versions cannot read
    found = [name for name in ("python3.12", "python3.11") if shutil.which(name)]
    sys.exit(
        "[setup] SparSearch needs Python 3.11 or 3.12; {} is {}.{}.{}. {}".format(
            sys.executable,
            *sys.version_info[:3],
            "Run: make setup PYTHON=" + found[0]
            if found
            else "Install one, then run: make setup PYTHON=/path/to/python3.12",
        )
    )

from scripts.environment import clone, shared
from scripts.environment.checks import accelerator, check_python
from scripts.environment.console import say
from scripts.environment.errors import SetupError
from scripts.environment.lock import cache_folder, environment_name, read_lock

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the set-up; the exit code is 0, or 1 after saying what is wrong and what to do."""
    try:
        check_python()
        lock = read_lock(ROOT / "requirements.lock")
        variant = accelerator()
        cache = cache_folder()
        environment = shared.prepare(cache, lock, variant)
        clone.link(ROOT, environment, cache / "logs" / f"{environment_name(lock, variant)}.log")
    except SetupError as error:
        say(f"FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; run it again and it goes on from here")
        return 130
    hint_at_leftovers(environment)
    say(f"ready: {ROOT / '.venv/bin/sparsearch'}")
    return 0


def hint_at_leftovers(current: Path) -> None:
    """Name the environments of other lock files or Pythons; another clone may still use them, so they stay."""
    others = sorted(stamp.parent for stamp in current.parent.glob(f"*/{shared.COMPLETE}") if stamp.parent != current)
    if others:
        names = ", ".join(folder.name for folder in others)
        say(f"other environments in {current.parent}: {names}. Remove those no clone needs (6 GB each).")


if __name__ == "__main__":
    sys.exit(main())
