"""The real service as a process: it starts quickly, says what it needs, ends when told, and survives being killed."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from search.store.store import Store
from sparsearch.cli import main
from sparsearch.failures import FAILED, REFUSED
from tests.api.support import ROOT, LiveServer, live_server
from tests.postgres import Server

TOKEN = "a-token-that-is-long-enough"
HEAVY = ("torch", "torchvision", "mmdet", "mmcv", "ray", "optuna", "pandas", "matplotlib", "sklearn")


def test_the_service_imports_nothing_heavy_and_starts_quickly() -> None:
    program = (
        "import sys, time\n"
        "began = time.process_time()\n"
        "import api.server\n"
        "from search.dispatch import Dispatcher\n"
        "spent = time.process_time() - began\n"
        f"print([name for name in {HEAVY} if name in sys.modules], spent)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded, spent = done.stdout.strip().rsplit(" ", 1)
    assert loaded == "[]" and float(spent) < 6.0  # three times what is promised on a quiet machine


def test_it_serves_says_where_and_ends_with_zero(tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server:
        assert server.client.get("/version").json()["name"] == "sparsearch"
        assert f"SparSearch is ready at {server.url}/" in server.text()
        code, seconds = server.terminate()
        assert code == 0 and seconds < 5
        with pytest.raises(httpx.ConnectError):
            server.client.get("/healthz")
        assert "Traceback" not in server.text()
        assert [line["event"] for line in server.lines()][-1] == "stopped"
        server.restart()
        server.kill()
        server.restart()
        assert server.client.get("/v1/targets").status_code == 200


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A service that several tests share; none of them ends it."""
    with live_server(tmp_path_factory.mktemp("shared") / "home") as server:
        yield server


def test_an_answer_that_is_still_being_made_does_not_hold_it_up(tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        head = b"POST /v1/checkpoints HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        client.sendall(head + b"Content-Length: 1000\r\n\r\n" + (500).to_bytes(8, "little"))
        folder = tmp_path / "home" / "checkpoints"
        while not folder.exists() or not list(folder.iterdir()):
            time.sleep(0.02)
        code, seconds = server.terminate()
        assert code == 0 and seconds < 5
        assert list(folder.iterdir()) == []


def test_with_a_token_it_listens_everywhere(tmp_path: Path) -> None:
    with live_server(tmp_path / "home", "--host", "0.0.0.0", token=TOKEN) as server:
        assert server.client.get("/metrics").status_code == 200
        assert httpx.get(f"{server.url}/metrics").status_code == 401
        assert httpx.get(f"{server.url}/healthz").json() == {"status": "alive"}
        assert httpx.get(f"{server.url}/healthz", headers={"Host": "evil.example"}).status_code == 400
        assert "clients need a token" in server.text() and TOKEN not in server.text()


def test_many_connections_that_send_nothing_do_not_stop_it(running: LiveServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(50)]
    for connection in idle:
        connection.sendall(b"GET /healthz HT")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: httpx.get(f"{running.url}/healthz").status_code, range(40)))
    assert set(answers) == {200}
    for connection in idle:
        connection.close()


def test_rubbish_on_the_wire_is_a_400(running: LiveServer) -> None:
    rubbish = (
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /" + b"x" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    )
    for sent in rubbish:
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as client:
            client.sendall(sent)
            answer = b""
            while part := client.recv(4096):
                answer += part
            assert answer.startswith(b"HTTP/1.1 400 ") and b"application/problem+json" in answer, sent
            assert b"nosniff" in answer and b'"type": "/problems/invalid-request"' in answer
    assert running.client.get("/healthz").status_code == 200
    assert "Traceback" not in running.text()


def test_it_runs_on_postgresql_and_never_writes_the_password(tmp_path: Path, postgres_server: Server) -> None:
    with live_server(tmp_path / "home", database=postgres_server.create()) as server:
        asked = server.client.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 3})
        assert asked.status_code == 202
        while (state := server.client.get(asked.headers["location"]).json()["state"]) != "infeasible":
            assert state in ("queued", "preparing", "running"), state
            time.sleep(0.1)
        assert 'sparsearch_searches{state="infeasible"} 1.0' in server.client.get("/metrics").text
        assert not (tmp_path / "home" / "sparsearch.db").exists()
        assert server.terminate()[0] == 0
        assert postgres_server.password not in server.text()


def test_a_database_that_cannot_be_reached_is_said_without_the_password(tmp_path: Path) -> None:
    done = _serve(tmp_path / "home", "--database", "postgresql://me:hunter2secret@127.0.0.1:1/none")
    assert done.returncode == FAILED and "error: " in done.stderr and "Traceback" not in done.stderr
    assert "hunter2secret" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--host", "0.0.0.0"), REFUSED, "no token is set"),
        (("--host", "0.0.0.0", "--token-file", "/nowhere/token"), REFUSED, "cannot read the token file"),
        (("--port", "70000"), REFUSED, "setting port"),
        (("--queue-cap", "0"), REFUSED, "setting queue_cap"),
        (("--log-format", "xml"), REFUSED, "setting log_format"),
        (("--host", "203.0.113.7", "--token-file", "token"), FAILED, "cannot listen on 203.0.113.7"),
    ],
)
def test_what_it_cannot_start_with_is_said_in_one_message(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    word: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    assert main(["serve", *arguments]) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ") and word in said and "Traceback" not in said


def test_a_port_that_is_taken_is_said_with_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert main(["serve", "--port", port]) == FAILED
    said = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1 port {port}" in said and "--port" in said


def _serve(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `sparsearch serve` on a home that it cannot use."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "SPARSEARCH_HOME": str(home), "HOME": str(home)}
    command = [sys.executable, "-m", "sparsearch", "serve", "--port", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, cwd="/", check=False)


@pytest.mark.parametrize("damage", ["cut", "flipped", "text"])
def test_a_damaged_database_is_left_untouched_and_named(tmp_path: Path, damage: str) -> None:
    home = tmp_path / "home"
    database = home / "sparsearch.db"
    Store.open(database).close()
    whole = bytearray(database.read_bytes())
    if damage == "cut":
        whole = whole[:3000]
    elif damage == "flipped":
        whole[:100] = bytes(byte ^ 0xFF for byte in whole[:100])
    else:
        whole = bytearray(b"this is no database\n" * 500)
    database.write_bytes(whole)
    done = _serve(home)
    assert done.returncode == FAILED and "ready" not in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: ") and str(database) in done.stderr
    assert "Traceback" not in done.stderr and database.read_bytes() == whole


def test_a_home_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    done = _serve(tmp_path / "home")
    assert done.returncode == FAILED and str(tmp_path / "home") in done.stderr and "Traceback" not in done.stderr


def test_two_services_of_one_home_are_one_too_many(running: LiveServer) -> None:
    done = _serve(running.home)
    assert done.returncode == FAILED and "is in use by process" in done.stderr
    assert running.client.get("/readyz").status_code == 200


def test_logs_are_json_lines_with_the_request(running: LiveServer) -> None:
    running.client.get("/v1/models", headers={"X-Request-ID": "mine"})
    found: list[dict[str, object]] = []
    while not found:  # the line is written after the answer is sent
        found = [line for line in running.lines() if line.get("request_id") == "mine"]
        time.sleep(0.02)
    (line,) = found
    assert line["route"] == "/v1/models" and line["status"] == 200 and json.dumps(line)
