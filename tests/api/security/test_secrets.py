"""S10: planted secrets come out nowhere: not in logs, errors, metrics, pages, bundles or files of the home."""

import io
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.api.support import LiveServer, live_server

TOKEN = "planted-TOKEN-7c1f8e52d0"
SECOND = "planted-SECOND-90aa41b7c3"
KEY = "planted-KEY-5521d9e0af"
WRONG = "planted-WRONG-aa31c9d2e4"
PASSWORD = "planted-PASSWORD-1b2c3d4e"
SECRETS = (TOKEN, SECOND, KEY, WRONG, PASSWORD)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a service with secrets has said.

    Args:
        server: still running.
        answers: everything that it answered.
        bundle: every file of the bundle it served.
    """

    server: LiveServer
    answers: list[bytes]
    bundle: dict[str, bytes]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("secrets") / "home"
    answers: list[bytes] = []
    with live_server(home, environment={"SPARSEARCH_TOKEN": f"{TOKEN},{SECOND}"}) as server:
        client = httpx.Client(base_url=server.url, timeout=60, headers={"Authorization": f"Bearer {TOKEN}"})

        def ask(method: str, path: str, **options: object) -> httpx.Response:
            answer = client.request(method, path, **options)  # type: ignore[arg-type]
            answers.append(repr(answer.headers).encode() + answer.content)
            return answer

        body = {"target": "synthetic-swin-t", "max_ms": 35, "effort": {"evaluations": 4}}
        made = ask("POST", "/v1/searches", json=body, headers={"Idempotency-Key": KEY}).json()
        ask("POST", "/v1/searches", json=body, headers={"Idempotency-Key": KEY})
        ask("POST", "/v1/searches", json={**body, "max_ms": 36}, headers={"Idempotency-Key": KEY})
        ask("POST", "/v1/searches", json=body, headers={"Idempotency-Key": f"{KEY} with a space"})
        ask("GET", "/v1/searches", headers={"Authorization": f"Bearer {WRONG}"})
        ask("GET", f"/v1/searches?page_token={WRONG}")
        ask("GET", f"/v1/searches?token={TOKEN}")
        ask("POST", "/session", json={"token": WRONG})
        ask("POST", "/session", json={"token": SECOND})
        ask("POST", "/session", data={"token": WRONG, "next": "/"})
        ask("POST", "/session", content=f'{{"token": "{WRONG}"', headers={"Content-Type": "application/json"})
        deadline = time.monotonic() + 90
        while ask("GET", f"/v1/searches/{made['id']}").json()["state"] not in ("succeeded", "failed"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        found = ask("GET", f"/v1/searches/{made['id']}").json()
        assert found["state"] == "succeeded", found["message"]
        for path in ("", "/events?follow=false", "/trials", "/trials/0/log", "/front", "/report.html"):
            ask("GET", f"/v1/searches/{made['id']}{path}")
        for path in (
            "/metrics",
            "/v1/targets",
            "/v1/devices",
            "/openapi.json",
            "/",
            f"/searches/{made['id']}",
            "/nothing",
        ):
            ask("GET", path)
        packed = ask("GET", f"/v1/searches/{made['id']}/front/{found['answer']['point']}/bundle.zip").content
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            bundle = {name: archive.read(name) for name in archive.namelist()}
        client.close()
        yield Scene(server, answers, bundle)


def planted(content: bytes) -> list[str]:
    """The secrets that a content shows."""
    return [secret for secret in SECRETS if secret.encode() in content]


def test_answers_show_no_secret(scene: Scene) -> None:
    assert len(scene.answers) > 25
    # a wrong page token is quoted nowhere either
    assert [planted(answer) for answer in scene.answers if planted(answer)] == []


def test_the_log_shows_no_secret_and_names_its_requests_all_the_same(scene: Scene) -> None:
    text = scene.server.text()
    assert planted(text.encode()) == []
    assert sum(line.get("event") == "request" for line in scene.server.lines()) >= len(scene.answers)


def test_the_bundle_shows_no_secret(scene: Scene) -> None:
    assert {name: planted(content) for name, content in scene.bundle.items() if planted(content)} == {}


def test_files_of_the_home_and_rows_of_the_database_hold_no_secret(scene: Scene) -> None:
    home = scene.server.home
    with sqlite3.connect(home / "sparsearch.db") as database:
        (rows,) = database.execute("SELECT count(*) FROM idempotency").fetchone()
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")
    database.close()
    assert rows == 1, "the key is known, by its hash"
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert {str(path): planted(path.read_bytes()) for path in files if planted(path.read_bytes())} == {}


def test_processes_that_the_service_starts_do_not_get_its_tokens(scene: Scene) -> None:
    made = scene.server.client.post(
        "/v1/searches",
        json={"target": "synthetic-swin-t", "max_ms": 35, "effort": {"evaluations": 64}},
        headers={"Authorization": f"Bearer {TOKEN}"},
    ).json()
    found: set[str] = set()
    deadline = time.monotonic() + 30
    assert scene.server.process is not None
    while not found and time.monotonic() < deadline:
        for child in _children(scene.server.process.pid):
            found |= {f"{child}"}
            for name in ("environ", "cmdline"):
                assert planted(_read(Path(f"/proc/{child}/{name}"))) == [], name
        time.sleep(0.02)
    assert found, f"no runner was seen for {made['id']}"


def test_a_database_that_cannot_be_reached_is_reported_without_its_password(tmp_path: Path) -> None:
    server = LiveServer(
        tmp_path / "home",
        ("--database", f"postgresql://planted-user:{PASSWORD}@127.0.0.1:1/none"),
        {"SPARSEARCH_TOKEN": TOKEN},
    )
    (tmp_path / "home").mkdir()
    try:
        server.start(wait=False)
        assert server.process is not None
        assert server.process.wait(60) != 0
    finally:
        server.close()
    text = server.text()
    assert "postgresql://planted-user@127.0.0.1:1/none cannot be used" in text
    assert planted(text.encode()) == []


def _children(parent: int) -> list[int]:
    return [
        int(child) for path in Path(f"/proc/{parent}/task").glob("*/children") for child in path.read_text().split()
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""
