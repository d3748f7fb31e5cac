"""kill -9 while a bundle is being made: nothing half-written is ever visible or served, and asking again succeeds."""

import hashlib
import io
import json
import os
import random
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.api.faults.support import create, reach, running, signal_tree, until
from tests.api.support import live_server

KILLS = 20
SERVICE_EVERY = 7
"""Each seventh kill hits the service itself."""


def test_killed_exports_leave_nothing_half_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rng = random.Random(9)
    with live_server(home) as server:
        name = create(server.client, evaluations=6)
        answer = reach(server.client, name)["answer"]
        front = server.client.get(f"/v1/searches/{name}/front").json()
        point = next(one["id"] for one in front["points"] if one["id"] != answer["point"])
        path = f"/v1/searches/{name}/front/{point}/bundle.zip"
        kept = {file.name for file in (home / "bundles").iterdir()}
        started = time.monotonic()
        check_zip(server.client.get(path, timeout=60))
        span = time.monotonic() - started
        cut = 0
        with watched(home / "bundles") as torn:
            for number in range(1, KILLS + 1):
                forget(home / "bundles", kept)
                answers: list[httpx.Response] = []
                asking = threading.Thread(target=ask, args=(server.url + path, answers))
                asking.start()
                process = until(lambda: running(server, "search.export_process"), "the export runs")[0]
                time.sleep(rng.uniform(0.0, span))
                if number % SERVICE_EVERY:
                    signal_tree(process, signal.SIGKILL)
                else:
                    server.kill()
                    until(lambda process=process: not os.path.exists(f"/proc/{process}"), "it ends with the service")
                asking.join(60)
                cut += answers == [] or answers[0].status_code != 200
                for answered in answers:
                    if answered.status_code == 200:
                        check_zip(answered)
                    else:
                        assert answered.status_code == 503, answered.text
                        assert answered.headers["content-type"] == "application/problem+json"
                if not number % SERVICE_EVERY:
                    server.restart()
        assert torn == []
        assert cut >= KILLS // 2, "most kills must hit an export that has not ended"
        check_zip(server.client.get(path, timeout=60))
        left = [file.name for file in (home / "bundles").iterdir() if file.name.startswith(".part-")]
        assert left == [], "the next export of the same plan tidies up"


def ask(url: str, answers: list[httpx.Response]) -> None:
    try:
        answers.append(httpx.get(url, timeout=60))
    except httpx.TransportError:
        return  # the service was killed


def check_zip(answer: httpx.Response) -> None:
    """Whole, and just what its manifest and its entity tag say."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    check_bytes(answer.content)


def check_bytes(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        files = {Path(name).name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == {
        name: entry["sha256"] for name, entry in manifest["files"].items()
    }


def forget(bundles: Path, kept: set[str]) -> None:
    """Remove the visible bundles of earlier rounds, so that the next one has to be made; leftovers stay."""
    for file in bundles.iterdir():
        if file.name in kept or file.name.startswith("."):
            continue
        shutil.rmtree(file) if file.is_dir() else file.unlink()


@contextmanager
def watched(bundles: Path) -> Iterator[list[str]]:
    """What is visible but not whole, looked for all the time inside the block."""
    torn: list[str] = []
    stop = threading.Event()
    known: set[tuple[str, int]] = set()

    def look() -> None:
        while not stop.wait(0.01):
            for file in bundles.glob("[!.]*.zip"):
                try:
                    mark = file.name, file.stat().st_ino
                    content = b"" if mark in known else file.read_bytes()
                except FileNotFoundError:
                    continue
                if mark in known:
                    continue
                known.add(mark)
                try:
                    check_bytes(content)
                except (AssertionError, zipfile.BadZipFile, KeyError) as error:
                    torn.append(f"{file.name}: {error}")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield torn
    finally:
        stop.set()
        thread.join(10)
