"""Downloads are whole and right, or they are not there."""

import hashlib
from pathlib import Path

import httpx
import pytest

from sparsearch.client import BadAnswer, ClientError, DamagedDownload, Unreachable
from tests.sparsearch.client.scripted import Pieces, client_of, problem

BYTES = b"PK" + bytes(range(256)) * 40
DIGEST = hashlib.sha256(BYTES).hexdigest()


def file(
    content: bytes = BYTES, broken: bool = False, digest: str | None = DIGEST, name: str | None = None
) -> httpx.Response:
    headers = {} if digest is None else {"ETag": f'"{digest}"'}
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return httpx.Response(200, headers=headers, stream=Pieces([content[:100], content[100:]], broken))


def test_a_file_gets_the_name_of_the_service_or_ones_own(tmp_path: Path) -> None:
    client, script, _ = client_of(file(name="answer-1.zip"), file(), file())
    assert client.download("s-1", "ab", to=tmp_path) == tmp_path / "answer-1.zip"
    assert client.download("s-1", "ab", "config.py", tmp_path) == tmp_path / "s-1-ab-config.py"
    assert client.download("s-1", "ab", to=tmp_path / "mine.zip").read_bytes() == BYTES
    assert script.requests[1].url.path == "/v1/searches/s-1/front/ab/config.py"


@pytest.mark.parametrize("name", ["../../evil.zip", "/etc/passwd", ".bashrc", "a/b.zip", ""])
def test_a_name_that_is_a_path_is_not_used(tmp_path: Path, name: str) -> None:
    client, _, _ = client_of(file(name=name))
    assert client.download("s-1", "ab", to=tmp_path) == tmp_path / "s-1-ab-bundle.zip"


def test_a_file_that_breaks_off_is_fetched_again(tmp_path: Path) -> None:
    client, _, slept = client_of(file(BYTES[:500], broken=True), problem(503, "not-ready", 1), file())
    found = client.download("s-1", "ab", to=tmp_path)
    assert found.read_bytes() == BYTES and len(slept) == 2 and list(tmp_path.iterdir()) == [found]


def test_a_damaged_file_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old.zip").write_bytes(b"old")
    client, _, _ = client_of(file(BYTES[:-1] + b"x"))
    with pytest.raises(DamagedDownload, match=f"announced was {DIGEST[:12]}"):
        client.download("s-1", "ab", to=tmp_path / "old.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["old.zip"] and (tmp_path / "old.zip").read_bytes() == b"old"


def test_a_file_without_a_digest_is_refused(tmp_path: Path) -> None:
    client, _, _ = client_of(file(digest=None), file(digest="W/x"))
    for _ in range(2):
        with pytest.raises(BadAnswer, match="without its sha256"):
            client.download("s-1", "ab", to=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_never_arrives_leaves_nothing(tmp_path: Path) -> None:
    client, _, _ = client_of(*[file(BYTES[:9], broken=True) for _ in range(20)], total_s=2)
    with pytest.raises(Unreachable):
        client.download("s-1", "ab", to=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    client, _, _ = client_of(file())
    with pytest.raises(ClientError, match=r"cannot write .*none/x\.zip"):
        client.download("s-1", "ab", to=tmp_path / "none" / "x.zip")


def test_only_the_files_of_a_point_can_be_asked_for(tmp_path: Path) -> None:
    client, script, _ = client_of()
    with pytest.raises(ClientError, match=r"choose one of bundle\.zip"):
        client.download("s-1", "ab", "../manifest.json", tmp_path)
    assert script.requests == []
