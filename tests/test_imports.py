"""The direction of imports, and the parts that must load without torch, Ray, mmdet or FastAPI."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "models": set(),
    "samples": {"models"},
    "latency": {"models"},
    "search": {"models", "latency", "samples"},
    "api": {"models", "latency", "search"},
    "sparsearch": {"models", "latency", "search", "api", "samples"},
}
"""sparsearch -> api -> search -> latency -> models; the samples stand beside, for whoever shows or tests something."""

WAITING: set[str] = set()
"""Folders of the design that have no code yet; one that gains code must leave this set."""

TORCH_ONLY = ("models", "latency")
"""Packages that run where only torch is installed."""
GUESTS = {"mmcv", "mmdet", "ray", "optuna", "fastapi", "sqlalchemy", "alembic", "pandas", "typer", "rich", "torchpack"}
ADAPTERS = ("mmdet", "mmcv")
"""A file of `TORCH_ONLY` packages that exists to meet a guest has one of these words in its name."""

THINKING = (
    "models.plan",
    "models.space",
    "models.work",
    "models.zoo",
    "models.super_token_plan",
    "models.super_token_geometry",
    "models.svit_plan",
    "models.svit_geometry",
    "models.vit_adapter_geometry",
    "models.hourglass_plan",
    "models.hourglass_geometry",
    "search.tasks",
    "models.errors",
    "models.adaptation",
    "latency.statistics",
    "latency.stopping",
    "latency.record",
    "latency.setting",
    "latency.decision",
    "latency.predictor",
    "latency.errors",
    "latency.design",
    "latency.flags",
    "search.budget",
    "search.records",
    "search.errors",
    "search.samplers",
)
"""The vocabulary and the logic; `search.samplers` stands for every module in it."""

HEAVY = ("torch", "ray", "mmcv", "mmdet", "fastapi", "optuna")


def imported_modules(path: Path) -> Iterator[str]:
    """Dotted names that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # a relative import stays in its package
            yield node.module if node.module and not node.level else path.relative_to(ROOT).parts[0]


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_only_go_down(package: str) -> None:
    files = sources(package)
    assert (package in WAITING) != bool(files), f"{package}/ has {len(files)} files; WAITING says otherwise"
    allowed = MAY_IMPORT[package] | {package}
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported_modules(path)
        if name.split(".")[0] in MAY_IMPORT and name.split(".")[0] not in allowed
    ]
    assert upward == []


def test_models_and_latency_meet_other_libraries_in_adapters_only() -> None:
    strangers = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in TORCH_ONLY
        for path in sources(package)
        for name in imported_modules(path)
        if name.split(".")[0] in GUESTS and not set(ADAPTERS) & set(path.stem.split("_"))
    ]
    assert strangers == []


def test_nothing_in_search_or_latency_names_a_backbone() -> None:
    """A family costs a line in the zoo, not one in the search. Sources may be cited, so docstrings and comments may."""
    families = r"sparse_?vit|stvit|super_?token|svit|vit_?adapter|hourglass|swin|resnet"
    named = []
    for package in ("search", "latency"):
        for path in sources(package):
            tree = ast.parse(path.read_text())
            texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                words = [getattr(node, name, None) for name in ("id", "attr", "name", "module", "arg")]
                if isinstance(node, ast.Constant) and id(node) not in texts:
                    words.append(node.value)
                if any(isinstance(word, str) and re.search(families, word, re.IGNORECASE) for word in words):
                    named.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', '?')}")
    assert named == []


def test_nothing_imports_the_tests() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for package in MAY_IMPORT
        for path in sources(package)
        if any(name.split(".")[0] in {"tests", "benchmarks", "scripts"} for name in imported_modules(path))
    ]
    assert offenders == []


def thinking_modules() -> list[str]:
    """`THINKING`, with packages opened up."""
    modules = []
    for name in THINKING:
        folder = ROOT / Path(*name.split("."))
        if not folder.is_dir():
            modules.append(name)
            continue
        inner = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
        assert inner, f"{name} has no modules"
        modules += [name, *(f"{name}.{path.stem}" for path in inner)]
    return modules


def test_thinking_parts_load_without_heavy_libraries() -> None:
    program = (
        "import importlib, sys\n"
        f"for name in {thinking_modules()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]\n"
        "    assert not loaded, f'importing {name} loads {loaded}'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_heavy_import_would_be_noticed() -> None:
    program = "import sys, torch\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "AssertionError" in done.stderr
