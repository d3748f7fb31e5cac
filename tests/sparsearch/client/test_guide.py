"""The guide of the API, run: every curl line, every answer's fields, every Python example, the README's lines."""

import contextlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.problems import TYPES
from api.schemas.events import EventName
from sparsearch.client import Client, Search
from tests.api.support import ROOT, LiveServer

GUIDE = (ROOT / "docs" / "api.md").read_text()
ADDRESS = "http://127.0.0.1:8777"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return [(match[1], match[2]) for match in _BLOCK.finditer(text)]


def run_shell(parts: list[str], folder: Path) -> list[str]:
    """Run parts in one bash, so that they share variables; returns what each printed."""
    script = ["set -euo pipefail"]
    for number, part in enumerate(parts):
        script.append(f"{{\n{part}\n}} > .out-{number}\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "no_proxy": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    reached = sum((folder / f".out-{number}").exists() for number in range(len(parts)))
    assert done.returncode == 0, f"example {reached} of {len(parts)}:\n{parts[reached - 1]}\n{done.stderr}"
    return [(folder / f".out-{number}").read_text() for number in range(len(parts))]


def missing(shown: Any, real: Any, where: str = "") -> list[str]:
    """Fields of a shown answer that the real one does not have; plans and metrics have the names of the target."""
    if isinstance(shown, dict):
        if not isinstance(real, dict):
            return [where]
        if where.endswith(("/plan", "/confirmed")):
            return [] if real else [where]
        gaps = [f"{where}/{name}" for name in shown if name not in real]
        return gaps + [
            gap for name in shown if name in real for gap in missing(shown[name], real[name], f"{where}/{name}")
        ]
    if isinstance(shown, list) and shown:
        return [where] if not isinstance(real, list) or not real else missing(shown[0], real[0], f"{where}/0")
    return []


def test_every_line_of_curl_runs_and_answers_what_the_guide_shows(
    service: LiveServer, found: Search, tmp_path: Path
) -> None:
    told = [(kind, text.replace(ADDRESS, service.url)) for kind, text in blocks(GUIDE)]
    shell = [text for kind, text in told if kind == "sh"]
    assert len(shell) >= 12 and all("curl" in text for text in shell)
    printed = dict(zip(shell, run_shell(shell, tmp_path), strict=True))
    compared = 0
    for (kind, text), (after, shown) in itertools.pairwise(told):
        if kind == "sh" and after == "json":
            assert missing(json.loads(shown), json.loads(printed[text])) == [], text
            compared += 1
    assert compared == sum(kind == "json" for kind, _ in told) >= 5
    # what the words around the examples promise
    events = printed[shell[1]]
    assert re.search(r"^id: 1\r?$", events, re.M) and re.search(r"^event: end\r?$", events, re.M)
    lines = [json.loads(line) for line in next(out for text, out in printed.items() if "ndjson" in text).splitlines()]
    assert lines[0]["seq"] == 6 and lines[-1]["name"] == "end"
    assert json.loads((tmp_path / "tight.json").read_text())["budget"]["max_ms"] == 24
    assert (tmp_path / "front.csv").read_text().startswith("point,metric,latency_ms")
    assert "<svg" in (tmp_path / "front.svg").read_text() and "<html" in (tmp_path / "report.html").read_text()
    assert "pass  digests" in next(out for text, out in printed.items() if "sparsearch verify" in text)


def test_every_python_example_runs(service: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = [text.replace(ADDRESS, service.url) for kind, text in blocks(GUIDE) if kind == "python"]
    assert len(examples) == 2
    names: dict[str, Any] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for number, text in enumerate(examples):
            exec(compile(text, f"docs/api.md, Python example {number + 1}", "exec"), names)
    words = said.getvalue()
    assert "synthetic-swin-t" in words and "succeeded" in words and "/max_ms" in words and " ms  " in words
    assert (tmp_path / names["bundle"]).is_file()


def test_the_lines_of_the_readme_run(service: LiveServer, client: Client, tmp_path: Path) -> None:
    section = (ROOT / "README.md").read_text().partition("## As a service")[2].partition("\n## ")[0]
    (console,) = [text for kind, text in blocks(section) if kind == "console"]
    lines = [line[2:] for line in console.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    started, *curl = lines
    assert started.split("#")[0].strip() == "make serve" and len(curl) == 3
    assert all("http://127.0.0.1:8777" in line for line in curl)
    asked = curl[0].replace("digits-sparsevit", "synthetic-swin-t").replace('"max_ms": 12', '"max_ms": 30')
    assert asked != curl[0]
    before = {search.id for search in client.searches()}
    (answer,) = run_shell([asked.replace(ADDRESS, service.url)], tmp_path)
    search = json.loads(answer)["id"]
    assert search not in before
    rest = [line.replace(ADDRESS, service.url).replace("SEARCH", search) for line in curl[1:]]
    followed, _ = run_shell([rest[0], "true"], tmp_path)
    assert "event: end" in followed
    run_shell([rest[1].replace("POINT", str(client.front(search).chosen))], tmp_path)
    assert list(tmp_path.glob("*.zip"))


def test_the_guide_names_every_event_and_every_type_of_problem() -> None:
    events = GUIDE.partition("## Events")[2].partition("\n## ")[0]
    assert [name for name in EventName.__args__ if f"`{name}`" not in events] == []  # type: ignore[attr-defined]
    errors = GUIDE.partition("## Errors")[2].partition("\n## ")[0]
    assert [slug for slug in TYPES if slug not in errors] == []


def test_the_guide_names_every_method_of_the_client() -> None:
    python = GUIDE.partition("## Python")[2]
    methods = [name for name, value in vars(Client).items() if callable(value) and not name.startswith("_")]
    assert len(methods) >= 20
    assert [name for name in methods if name != "close" and not re.search(rf"\b{name}\b", python)] == []


def test_a_missing_field_would_be_noticed() -> None:
    assert missing({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"d": 1}]}}) == ["/a/b/0/c"]
    assert missing({"a": [1]}, {"a": []}) == ["/a"] and missing({"a": {}}, {"a": 1}) == ["/a"]
