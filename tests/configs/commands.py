"""The four commands for every config: `python -m tests.configs.commands [PATTERN] [--keep DIR]`.

Each config is changed to the built-in data (`tests.configs.derived`), trained for an iteration, tested, measured and
visualised, by the command line as users call it. Exit status 0 only when some config matched and all passed.
"""

import argparse
import contextlib
import io
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sparsearch.cli import main as sparsearch
from tests.configs.derived import CONFIGS, SIDE, all_configs, derive

COMMANDS = ("train", "test", "measure", "visualize")


def run_commands(path: Path, folder: Path, root: Path) -> dict[str, float]:
    """Seconds of each command.

    Args:
        path: of the config.
        folder: for the derived config, checkpoint and drawing.
        root: for the data.
    Raises:
        AssertionError: a command failed, or answered what cannot be.
    """
    config, work, drawing = str(folder / path.name), folder / "work", folder / "kept.png"
    text, data = derive(path, root)
    Path(config).write_text(text)
    weights, seconds = str(work / "latest.pth"), {}
    _, seconds["train"] = _run("train", config, "--work-dir", str(work))
    found, seconds["test"] = _run("test", config, weights, "--json")
    values = json.loads(found)
    assert values and all(-1 <= value <= 1 for value in values.values()), values
    found, seconds["measure"] = _run(
        "measure", config, "--img-size", str(SIDE), "--plan", "dense", "--plan", "floor", "--json"
    )
    dense, floor = (json.loads(line) for line in found.splitlines())
    assert dense["median_ms"] > 0 and floor["median_ms"] > 0
    # one that is dense by nature has no knobs
    assert dense["plan"] != floor["plan"] or not dense["plan"]
    image = str(next(root.glob(data.files)))
    _, seconds["visualize"] = _run("visualize", config, weights, image, "-o", str(drawing))
    assert drawing.read_bytes().startswith(b"\x89PNG")
    return seconds


def _run(*words: str) -> tuple[str, float]:
    """What a command printed, and its seconds."""
    out, err, started = io.StringIO(), io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = sparsearch(words)
    assert code == 0, f"{words[0]} returned {code}: {err.getvalue()[-1000:]}"
    return out.getvalue(), time.monotonic() - started


def main(arguments: Sequence[str]) -> int:
    """Print config and seconds, one line each, and totals; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.configs.commands", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("pattern", nargs="?", default="", help="part of the path; default: every config")
    parser.add_argument("--keep", type=Path, help="folder for configs, checkpoints (GBs) and drawings, which stay")
    chosen = parser.parse_args(arguments)
    names = [path.relative_to(CONFIGS) for path in all_configs() if chosen.pattern in str(path.relative_to(CONFIGS))]
    if not names:
        print(f"no config has {chosen.pattern!r} in its path", file=sys.stderr)
        return 1
    failures = []
    with contextlib.ExitStack() as stack:
        scratch = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in names:
            folder = scratch / name.parent / name.stem
            folder.mkdir(parents=True)
            try:
                seconds = run_commands(CONFIGS / name, folder, scratch / "data")
                said = "ok   " + " ".join(f"{one} {seconds[one]:5.1f} s" for one in COMMANDS)
            except Exception as error:  # one broken config must not hide the others
                failures.append(name)
                said = f"FAIL {type(error).__name__}: {error}"
            print(f"{name}: {said}", flush=True)
            if chosen.keep is None:
                shutil.rmtree(folder)
    for place, count in sorted(Counter(str(name.parent) for name in names).items()):
        print(f"{place}: {count} configs, {sum(str(name.parent) == place for name in failures)} failed")
    print(f"{len(names) - len(failures)} of {len(names)} configs passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
