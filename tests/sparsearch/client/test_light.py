"""The client stays light: importing and using it loads nothing that a notebook on a laptop would not have."""

import subprocess
import sys

from tests.api.support import ROOT

HEAVY = ("torch", "mmcv", "mmdet", "ray", "optuna", "pandas", "fastapi", "pydantic", "sqlalchemy", "search", "typer")


def _loaded(code: str) -> str:
    program = f"import sys\n{code}\nprint([name for name in {(*HEAVY, 'httpx')!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_client_that_talks_loads_httpx_and_nothing_heavy() -> None:
    code = (
        "from sparsearch.client import Client, ClientError, Patience\n"
        "try:\n    Client('http://127.0.0.1:9', patience=Patience(total_s=0)).version()\n"
        "except ClientError as error:\n    assert 'cannot reach' in str(error)\n"
        "else:\n    raise AssertionError"
    )
    assert _loaded(code) == "['httpx']"


def test_a_command_that_asks_no_service_does_not_even_load_httpx() -> None:
    assert "httpx" not in _loaded("import sparsearch.cli")
