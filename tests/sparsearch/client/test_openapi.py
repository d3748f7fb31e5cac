"""docs/openapi.json is what the app serves."""

import json
import subprocess
import sys

import httpx

from tests.api.support import ROOT, LiveServer

FILE = ROOT / "docs" / "openapi.json"


def test_the_file_is_what_the_command_writes() -> None:
    command = [sys.executable, "-m", "api.openapi"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == FILE.read_text(), "run: python -m api.openapi > docs/openapi.json"


def test_the_file_is_what_a_service_serves(service: LiveServer) -> None:
    served = httpx.get(f"{service.url}/openapi.json").json()
    assert served == json.loads(FILE.read_text())
    assert len(served["paths"]) > 20 and "Problem" in served["components"]["schemas"]


def test_nothing_of_the_machine_that_wrote_it_is_in_the_file() -> None:
    text = FILE.read_text()
    assert str(ROOT) not in text and "/tmp" not in text
