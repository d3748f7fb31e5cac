"""S9: whatever a search is called, the Python files of its bundle stay assignments of literals."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from api.schemas.job import job_of
from api.schemas.request import SearchRequest
from search.budget import Budget
from search.errors import ExportError, JobError
from search.export.bundle import write_bundle
from search.export.literals import dump, parse
from search.labels import check_text
from search.records import Job
from search.targets import BUILTIN
from tests.api.security.hostile import CALL, CORE, names
from tests.search.export_subjects import subject

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "configs" / "search" / "digits_sparsevit.py"
NAMES = names(500)
_HARMLESS = (
    ast.Module,
    ast.Assign,
    ast.Name,
    ast.Store,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.UnaryOp,
    ast.USub,
    ast.keyword,
)


def strange_nodes(text: str) -> list[str]:
    """Syntax of a file that is more than `name = literal` and `dict(...)`."""
    return [ast.dump(node)[:100] for node in ast.walk(ast.parse(text)) if not _is_data(node)]


def _is_data(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args
    return isinstance(node, _HARMLESS)


def printable(name: str) -> bool:
    """Whether the service takes a name."""
    try:
        check_text("name", name)
    except JobError:
        return False
    return True


def test_the_judge_of_this_file_knows_code_from_data() -> None:
    assert strange_nodes("a = dict(b=[1, -2.5, None], c={'d': (True,)})") == []
    for code in ("import os", "a = f()", "a = b.c", "a = 1 + 2", "a = f'{b}'", "a = [x for x in y]", "a = dict(b())"):
        assert strange_nodes(code), code


def test_there_are_500_and_the_service_itself_takes_hundreds_of_them() -> None:
    assert len(set(NAMES)) == 500
    taken = [name for name in NAMES if printable(name)]
    assert len(taken) >= 300, "the exporter would hardly be tried"


@pytest.mark.parametrize("place", ["value", "key", "deep", "header"])
def test_500_hostile_names_stay_strings_or_are_refused(place: str) -> None:
    written = refused = 0
    for name in NAMES:
        config: dict[str, object] = {
            "value": {"name": name},
            "key": {"labels": {name: 1}},
            "deep": {"runs": [({"a": [name, {"b": (name,)}]},)]},
            "header": {"name": "harmless"},
        }[place]
        try:
            text = dump(config, header=name if place == "header" else "")
        except ExportError as error:
            assert "{{" in name, f"{name!r} is refused without need: {error}"
            refused += 1
            continue
        assert strange_nodes(text) == [], name
        assert parse(text) == config
        written += 1
    assert written + refused == 500
    assert written > 400


def test_a_top_level_name_of_a_config_is_never_hostile() -> None:
    for name in NAMES:
        if name.isascii() and name.isidentifier():
            continue
        with pytest.raises(ExportError):
            dump({name: 1})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from search.export.model import build_detector, read_config

    path = tmp_path_factory.mktemp("weights") / "fresh.safetensors"
    torch.manual_seed(0)
    state = build_detector(read_config(CONFIG)).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.mark.parametrize("name", [name for name in CORE if printable(name) and CALL in name][:4])
def test_the_bundle_of_a_search_with_a_hostile_name_and_labels_holds_data_alone(
    name: str, weights: Path, tmp_path: Path
) -> None:
    labels = {f"label-{i}": text for i, text in enumerate(one for one in CORE if printable(one) and len(one) < 200)}
    some = dict(list(labels.items())[:32])
    asked = SearchRequest(target="digits-sparsevit", max_ms=12.0, name=name, labels=some)
    job: Job = job_of(asked, BUILTIN["digits-sparsevit"])
    assert (job.name, dict(job.labels), job.budget) == (name, some, Budget(12.0))
    made = write_bundle(
        subject(
            target="digits-sparsevit", kind="detection", simulated=False, config=str(CONFIG), checkpoint=str(weights),
            job=job.to_dict(),
        ),
        tmp_path,
    )  # fmt: skip
    scripts = sorted(made.path.glob("*.py"))
    assert [path.name for path in scripts] == ["finetune.py"]
    text = scripts[0].read_text(encoding="utf-8")
    assert strange_nodes(text) == []
    # and Python itself agrees: run as a script it does nothing but assign
    ran = subprocess.run([sys.executable, "-I", str(scripts[0])], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0
    assert not list(tmp_path.rglob("CANARY"))
