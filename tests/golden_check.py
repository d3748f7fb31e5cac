"""Parity with the original implementations: `python -m tests.golden_check DIR` runs every recorded case of a directory.

A case is a JSON file that names the class, its constructor arguments, the weights file and the knobs, with tensors in a
safetensors file of the same name. Exit status 0 only when at least one case ran and all passed.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.golden_result import GoldenResult

Checker = Callable[[Path, dict], Iterable[GoldenResult]]


def run_directory(directory: Path) -> Iterator[GoldenResult]:
    """Results of every case below `directory`; a file that no checker knows is a failure of its own."""
    for path in sorted(directory.rglob("*.json")):
        try:
            content = json.loads(path.read_text())
            checker = _checker(path, content)
            if checker is None:
                yield GoldenResult(f"{path.stem}: no checker knows this file", float("inf"), 0.0)
            else:
                yield from checker(path, content)
        except Exception as error:  # one broken case must not hide the others
            yield GoldenResult(f"{path.stem}: {type(error).__name__}: {error}", float("inf"), 0.0)


def _checker(path: Path, content: dict) -> Checker | None:
    from tests import golden_hourglass, golden_sparsevit, golden_stvit_r, golden_super_token, golden_svit_adapter

    if "search_sampler" in content:
        from tests import golden_search

        return lambda path, _: golden_search.run(path)
    if golden_stvit_r.knows(path, content):
        return golden_stvit_r.check
    if golden_super_token.knows(path, content):
        return golden_super_token.check
    if golden_hourglass.knows(path, content):
        return golden_hourglass.check
    if golden_svit_adapter.knows(path, content):
        return golden_svit_adapter.check
    if path.stem.startswith("keys_"):
        return golden_sparsevit.check_keys if "sparsevit" in path.stem else None
    if "SparseViT" in content.get("reference_class", content.get("class", "")):
        return golden_sparsevit.check
    return None


def main(arguments: list[str]) -> int:
    """Print case, difference, tolerance; return the exit status."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(
            f"usage: python -m tests.golden_check DIR   (a directory of golden cases; got {arguments})", file=sys.stderr
        )
        return 2
    failed = total = 0
    print(f"{'':4} {'case':<60} {'max abs difference':>20} {'tolerance':>10}")
    for result in run_directory(Path(arguments[0])):
        total += 1
        passed = result.difference <= result.tolerance  # NaN fails
        failed += not passed
        verdict = "ok" if passed else "FAIL"
        print(f"{verdict:4} {result.case:<60} {result.difference:>20.3g} {result.tolerance:>10.1g}", flush=True)
    if total == 0:
        print(f"no golden case in {arguments[0]}: expected JSON files with safetensors beside them", file=sys.stderr)
        return 1
    print(f"{total - failed} of {total} comparisons passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
