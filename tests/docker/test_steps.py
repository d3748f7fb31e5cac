"""The steps of the images, run here: the set-up on what the build stage copies, and the start of the service."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.docker.dockerfile import parse

ROOT = Path(__file__).resolve().parents[2]
FILE = parse(ROOT / "docker" / "service.Dockerfile")
TOKEN = "a-token-of-a-test-container"


def test_the_set_up_needs_no_more_than_the_build_stage_copies(tmp_path: Path) -> None:
    """As far as this machine can: the environment of the lock is there already, so nothing is downloaded."""
    for one in FILE.stages[0].of("COPY"):
        *sources, target = one.arguments
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    step = FILE.stages[0].last("RUN").rest
    done = subprocess.run(["sh", "-c", step], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reusing" in done.stdout
    # the code comes after the set-up, and is found
    for one in FILE.final.of("COPY"):
        source, target = one.arguments[0], one.arguments[-1]
        if "from" not in one.flags and (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
    said = subprocess.run(
        [tmp_path / ".venv" / "bin" / "sparsearch", "target", "list"],
        cwd="/", capture_output=True, text=True, check=False, env={**os.environ, "SPARSEARCH_HOME": str(tmp_path)},
    )  # fmt: skip
    assert said.returncode == 0 and "digits-sparsevit\tdetection" in said.stdout, said.stderr


def test_the_container_starts_answers_its_health_check_and_stops_in_order(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "password").write_text("of no database")
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **FILE.final.environment,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "SPARSEARCH_HOME": str(home),
        "SPARSEARCH_PORT": str(free_port),
        "SPARSEARCH_TOKEN_FILE": str(tmp_path / "token"),
        "SPARSEARCH_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    command = ["sh", str(ROOT / "docker" / "entrypoint.sh"), *FILE.final.last("CMD").arguments]
    check = FILE.final.last("HEALTHCHECK").rest.partition("CMD ")[2]
    probe = [word.replace(":8777/", f":{free_port}/") for word in json.loads(check)]
    log = (tmp_path / "log").open("wb")
    with subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log) as process:
        try:
            _wait_healthy(process, probe, environment, tmp_path / "log")
            url = f"http://127.0.0.1:{free_port}"
            assert httpx.get(f"{url}/v1/targets").status_code == 401
            assert httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
            assert "PGPASSWORD=of no database" in Path(f"/proc/{process.pid}/environ").read_text().split("\0")
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0, (tmp_path / "log").read_text()
        finally:
            process.kill()
            log.close()
    assert subprocess.run(probe, env=environment, capture_output=True, check=False).returncode != 0
    assert (home / "sparsearch.db").is_file() and TOKEN not in (tmp_path / "log").read_text()


def test_a_container_without_a_token_does_not_start(tmp_path: Path, free_port: int) -> None:
    environment = {
        **FILE.final.environment,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SPARSEARCH_HOME": str(tmp_path),
        "SPARSEARCH_PORT": str(free_port),
    }
    command = ["sh", str(ROOT / "docker" / "entrypoint.sh"), *FILE.final.last("CMD").arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "no token is set" in done.stderr


@pytest.mark.parametrize("text", ["RUN", "COPY a", "from x", "EXPOSE 1\nFROM x"])
def test_the_parser_refuses_what_is_no_dockerfile(tmp_path: Path, text: str) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    with pytest.raises(ValueError, match="Dockerfile"):
        parse(tmp_path / "Dockerfile")


def _wait_healthy(process: subprocess.Popen[bytes], probe: list[str], environment: dict[str, str], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        if subprocess.run(probe, env=environment, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(f"not healthy within a minute:\n{log.read_text()}")
