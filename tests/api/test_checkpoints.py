"""Uploads: whole, checked, kept once; refused files leave nothing behind, and none is ever opened as a pickle."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from api import uploads
from api.problems import Problem
from tests.api.support import AppClient, app_client, settings_for
from tests.api.test_wall import is_problem
from tests.api.test_weights import foreign_files

KIND = {"Content-Type": "application/octet-stream"}
FILE = save({"a.weight": torch.arange(6.0), "b": torch.zeros(2, 2, dtype=torch.float16)})


@pytest.fixture
def client(home: Path) -> Iterator[AppClient]:
    with app_client(settings_for(home, checkpoint_cap_bytes=2 * 2**20)) as client:
        yield client


def left(home: Path) -> list[str]:
    """Names of the files in the folder of checkpoints."""
    folder = home / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_is_kept_under_its_digest_and_found_again(client: AppClient, home: Path) -> None:
    answer = client.post("/v1/checkpoints", params={"name": "My weights"}, content=FILE, headers=KIND)
    body, digest = answer.json(), hashlib.sha256(FILE).hexdigest()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/checkpoints/{body['id']}"
    assert (body["sha256"], body["name"], body["bytes"], body["tensors"]) == (digest, "My weights", len(FILE), 2)
    assert left(home) == [f"{digest}.safetensors"]
    kept = home / "checkpoints" / f"{digest}.safetensors"
    assert kept.read_bytes() == FILE and kept.stat().st_mode & 0o777 == 0o600
    assert client.get(answer.headers["location"]).json() == body
    assert client.get("/v1/checkpoints").json() == {"items": [body], "next_page_token": None}


def test_the_same_bytes_again_are_the_same_checkpoint(client: AppClient, home: Path) -> None:
    first = client.post("/v1/checkpoints", content=FILE, headers=KIND)
    again = client.post("/v1/checkpoints", params={"name": "x"}, content=FILE, headers=KIND)
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    assert first.json()["name"] == first.json()["sha256"][:12] and len(left(home)) == 1


@pytest.mark.parametrize("id", ["0" * 16, "x", "0" * 15, "..%2f..%2fetc%2fpasswd", "last", "0" * 15 + "%00", "A" * 16])
def test_an_unknown_checkpoint_is_not_found_or_no_id(client: AppClient, id: str) -> None:
    answer = client.get(f"/v1/checkpoints/{id}")
    assert is_problem(answer, answer.status_code, "not-found" if answer.status_code == 404 else "invalid-request")
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "x" * 101, "a\nb", "\x00"])
def test_a_name_that_could_be_a_path_or_a_line_is_refused(client: AppClient, home: Path, name: str) -> None:
    answer = client.post("/v1/checkpoints", params={"name": name}, content=FILE, headers=KIND)
    assert is_problem(answer, 422, "invalid-request") and left(home) == []


def broken_files() -> dict[str, bytes]:
    length = int.from_bytes(FILE[:8], "little")
    return {
        "empty": b"",
        "short": b"1234",
        "no header": (100).to_bytes(8, "little"),
        "cut in its header": FILE[: 8 + length // 2],
        "cut in its data": FILE[:-1],
        "too long": FILE + b"\0",
        "a length of 2^63": (2**63).to_bytes(8, "little") + FILE[8:],
        "a header of zero": bytes(16),
        "duplicate names": _with_header(b'{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},'
                                        b'"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
        "overlapping": _with_header(b'{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},'
                                    b'"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}', 3),
    }  # fmt: skip


def _with_header(header: bytes, data: int) -> bytes:
    return len(header).to_bytes(8, "little") + header + bytes(data)


@pytest.mark.parametrize("name", sorted(broken_files()))
def test_a_broken_file_is_refused_and_nothing_is_left(client: AppClient, home: Path, name: str) -> None:
    answer = client.post("/v1/checkpoints", content=broken_files()[name], headers=KIND)
    assert is_problem(answer, 422, "invalid-request") and "safetensors" in answer.json()["detail"]
    assert left(home) == [] and client.get("/v1/checkpoints").json()["items"] == []


def test_pickles_and_archives_are_refused_and_never_opened(client: AppClient, home: Path, tmp_path: Path) -> None:
    for name, file in foreign_files(tmp_path / "canary").items():
        for kind in ("application/octet-stream", "application/vnd.safetensors"):
            answer = client.post("/v1/checkpoints", content=file, headers={"Content-Type": kind})
            assert answer.status_code in (415, 422), name
            assert is_problem(answer, answer.status_code, answer.json()["type"].rpartition("/")[2])
    assert not (tmp_path / "canary").exists() and left(home) == []


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data; boundary=x", "application/zip"])
def test_only_bytes_are_taken(client: AppClient, home: Path, kind: str) -> None:
    answer = client.post("/v1/checkpoints", content=FILE, headers={"Content-Type": kind} if kind else {})
    assert is_problem(answer, 415, "unsupported-media") and left(home) == []


def test_a_file_over_the_cap_is_refused_before_it_is_read(client: AppClient, home: Path) -> None:
    assert is_problem(client.post("/v1/checkpoints", content=bytes(2 * 2**20 + 1), headers=KIND), 413, "too-large")
    assert left(home) == []


def test_large_files_go_through_in_parts(client: AppClient, home: Path) -> None:
    file = save({"a": torch.zeros(1_500_000, dtype=torch.uint8)})
    answer = client.post("/v1/checkpoints", content=file, headers=KIND)
    assert answer.status_code == 201 and answer.json()["sha256"] == hashlib.sha256(file).hexdigest()


def test_only_so_many_uploads_at_once(client: AppClient) -> None:
    gate = client.service.uploads
    assert gate.acquire(blocking=False) and gate.acquire(blocking=False)
    answer = client.post("/v1/checkpoints", content=FILE, headers=KIND)
    assert is_problem(answer, 429, "queue-full") and int(answer.headers["retry-after"]) > 0
    gate.release()
    assert client.post("/v1/checkpoints", content=FILE, headers=KIND).status_code == 201
    gate.release()


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_cannot_take_it_is_a_503_and_nothing_is_left(
    client: AppClient, home: Path, monkeypatch: pytest.MonkeyPatch, fault: int, step: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as patched:
        patched.setattr(uploads.os, step, fail)
        answer = client.post("/v1/checkpoints", content=FILE, headers=KIND)
    assert is_problem(answer, 503, "not-ready") and "retry-after" in answer.headers and left(home) == []
    assert client.post("/v1/checkpoints", content=FILE, headers=KIND).status_code == 201


def test_room_for_the_database_is_kept(client: AppClient, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = shutil.disk_usage(home)
    with monkeypatch.context() as patched:
        patched.setattr(uploads.shutil, "disk_usage", lambda _: total._replace(free=100 * 2**20))
        assert is_problem(client.post("/v1/checkpoints", content=FILE, headers=KIND), 503, "not-ready")
    assert left(home) == []


def test_a_client_that_leaves_leaves_nothing(tmp_path: Path) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield FILE[:50]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        asyncio.run(uploads.receive(stream(), tmp_path / "checkpoints", None))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_something_else_is_noticed_before_gigabytes_of_it_came(tmp_path: Path) -> None:
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"PK\x03\x04" + bytes(60)

    with pytest.raises(Problem, match="a zip archive"):
        asyncio.run(uploads.receive(stream(), tmp_path, None))
    assert sent == 1 and list(tmp_path.iterdir()) == []


def test_scratch_of_a_killed_process_is_tidied_up_at_the_next_start(home: Path) -> None:
    folder = home / "checkpoints"
    folder.mkdir(parents=True)
    (folder / ".upload-1234").write_bytes(b"half")
    (folder / "kept.safetensors").write_bytes(FILE)
    with app_client(settings_for(home)):
        assert left(home) == ["kept.safetensors"]
