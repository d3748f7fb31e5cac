"""What a user takes home: whole or not at all, in part, conditionally, on demand."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from api.bundles import there
from api.shared import Shared
from search.errors import ExportError
from search.export.checks import check, failures
from search.export_process import COMMAND, write
from search.home import Home
from tests.api.routes.conftest import problem
from tests.api.support import AppClient


@pytest.fixture
def bundle(done: dict[str, Any]) -> str:
    """The path of the answer's bundle."""
    return str(done["links"]["bundle"])


def home_of(client: AppClient) -> Home:
    return Home(client.service.settings.home)


def whole(content: bytes, folder: Path) -> dict[str, Any]:
    """The manifest of a zip, whose members are flat and check out."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        tops = {name.split("/")[0] for name in names}
        assert len(tops) == 1 and all(name.count("/") == 1 and ".." not in name for name in names)
        assert not any(member.external_attr >> 28 == 0o12 for member in archive.infolist())  # no links
        for name in names:
            target = folder / name.split("/")[1]
            target.write_bytes(archive.read(name))
    assert failures(check(folder)) == []
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_the_bundle_is_whole_and_its_tag_is_its_digest(
    reading: AppClient, done: dict[str, Any], bundle: str, tmp_path: Path
) -> None:
    answer = reading.get(bundle)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="synthetic-swin-t-') and disposition.endswith('.zip"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert whole(answer.content, tmp_path)["plan"] == done["answer"]["plan"]


def test_the_parts_are_those_of_the_bundle(reading: AppClient, bundle: str) -> None:
    with zipfile.ZipFile(io.BytesIO(reading.get(bundle).content)) as archive:
        members = {name.split("/")[1]: archive.read(name) for name in archive.namelist()}
    for name, kind in (("manifest.json", "application/json"), ("metafile.yml", "application/yaml")):
        answer = reading.get(bundle.replace("bundle.zip", name))
        assert answer.content == members[name] and answer.headers["content-type"].startswith(kind)


def test_a_simulated_search_has_no_config(reading: AppClient, bundle: str) -> None:
    found = problem(reading.get(bundle.replace("bundle.zip", "config.py")), 404, "not-found")
    assert "config.py" in found["detail"]


def test_nothing_is_sent_to_whoever_has_it(reading: AppClient, bundle: str) -> None:
    tag = reading.get(bundle).headers["etag"]
    answer = reading.get(bundle, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert reading.get(bundle, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_head_tells_the_size(reading: AppClient, bundle: str) -> None:
    answer, size = reading.head(bundle), len(reading.get(bundle).content)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == size and answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("0-0", 0, 1), ("10-19", 10, 20), ("100-", 100, None), ("-7", -7, None)]
)
def test_a_part_can_be_fetched(reading: AppClient, bundle: str, asked: str, start: int, stop: int | None) -> None:
    content = reading.get(bundle).content
    answer = reading.get(bundle, headers={"Range": f"bytes={asked}"})
    expected = content[start:stop]
    first = start % len(content)
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(content)}"


def test_what_was_cut_off_can_be_fetched_as_long_as_the_file_is_the_same(reading: AppClient, bundle: str) -> None:
    content, tag = reading.get(bundle).content, reading.get(bundle).headers["etag"]
    rest = reading.get(bundle, headers={"Range": "bytes=50-", "If-Range": tag})
    assert content[:50] + rest.content == content and rest.status_code == 206
    assert reading.get(bundle, headers={"Range": "bytes=50-", "If-Range": '"other"'}).content == content


@pytest.mark.parametrize("asked", ["99999999-", "0-1,5-6", "0-0," * 1000 + "0-0"])
def test_a_range_that_cannot_be_served_is_a_416(reading: AppClient, bundle: str, asked: str) -> None:
    answer = reading.get(bundle, headers={"Range": f"bytes={asked}"})
    problem(answer, 416, "range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(reading.get(bundle).content)}"


def test_another_point_of_the_front_is_made_when_it_is_asked_for(
    reading: AppClient, path: str, done: dict[str, Any], tmp_path: Path
) -> None:
    front = reading.get(f"{path}/front").json()
    other = next(point for point in front["points"] if not point["exported"])
    answer = reading.get(f"{path}/front/{other['id']}/bundle.zip")
    assert answer.status_code == 200, answer.text
    assert whole(answer.content, tmp_path)["plan"] == other["plan"]
    again = reading.get(f"{path}/front").json()
    assert {point["id"] for point in again["points"] if point["exported"]} >= {other["id"], done["answer"]["point"]}
    lines = reading.get(f"{path}/events?follow=false", headers={"Accept": "application/x-ndjson"}).text.splitlines()
    exports = [one["point"] for one in map(json.loads, lines) if one["name"] == "export"]
    assert exports.count(other["id"]) == 1
    # the second time it is there
    assert reading.get(f"{path}/front/{other['id']}/manifest.json").status_code == 200
    assert len(
        reading.get(f"{path}/events?follow=false", headers={"Accept": "application/x-ndjson"}).text.splitlines()
    ) == len(lines)


def test_a_bundle_that_was_removed_is_made_again(reading: AppClient, bundle: str) -> None:
    first = reading.get(bundle)
    home = home_of(reading)
    name = first.headers["content-disposition"].split('"')[1].removesuffix(".zip")
    shutil.rmtree(home.bundles / name)
    (home.bundles / f"{name}.zip").unlink()
    again = reading.get(bundle)
    assert again.status_code == 200
    assert sorted(zipfile.ZipFile(io.BytesIO(again.content)).namelist()) == sorted(
        zipfile.ZipFile(io.BytesIO(first.content)).namelist()
    )


@pytest.mark.parametrize("point", ["000000000000", "nothing", "..", "%2e%2e%2f", "a" * 500, "%00"])
@pytest.mark.parametrize("file", ["bundle.zip", "manifest.json"])
def test_a_point_that_is_not_on_the_front_is_a_404(reading: AppClient, path: str, point: str, file: str) -> None:
    problem(reading.get(f"{path}/front/{point}/{file}"), 404, "not-found")


def test_a_search_without_answer_has_nothing_to_export(stuck: AppClient) -> None:
    path = stuck.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 30}).json()["links"]["self"]
    for file in ("front/000000000000/bundle.zip", "front/000000000000/config.py", "report.html"):
        found = problem(stuck.get(f"{path}/{file}"), 409, "not-exportable")
        assert found["state"] in ("queued", "preparing")


def test_a_link_in_place_of_a_bundle_is_not_followed(reading: AppClient, bundle: str, tmp_path: Path) -> None:
    home = home_of(reading)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "manifest.json").write_text("{}")
    (home.bundles / "linked").symlink_to(secret)
    (home.bundles / "linked.zip").write_bytes(b"")
    plan = reading.get(bundle.rpartition("/front/")[0] + "/front").json()["points"][0]
    export = {"path": str(home.bundles / "linked"), "plan": plan["plan"]}
    assert there(home, [export], plan["id"]) is None
    elsewhere = {"path": str(secret), "plan": plan["plan"]}
    assert there(home, [elsewhere], plan["id"]) is None
    (home.bundles / "linked").unlink()
    (home.bundles / "linked.zip").unlink()


def test_a_bundle_that_takes_long_is_a_503_and_there_later(
    reading: AppClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = reading.get(f"{path}/front").json()
    other = [point for point in front["points"] if not point["exported"]][-1]
    where = f"{path}/front/{other['id']}/bundle.zip"

    async def hurried(shared: Any, row: Any, plan: Any) -> Any:
        made = await shared.exporter.bundle(row.id, plan, shared.service.stopping, patience_s=0.001)
        return there(shared.service.dispatcher.home, [made], other["id"])

    with monkeypatch.context() as patch:
        patch.setattr("api.routes.downloads.place_of", hurried)
        answer = reading.get(where)
        problem(answer, 503, "not-ready")
        assert int(answer.headers["retry-after"]) > 0
    assert reading.get(where).status_code == 200  # joins the one that is being made
    assert there(home_of(reading), reading.service.dispatcher.store.exports(path.rpartition("/")[2]), other["id"])


def test_killed_at_any_moment_nothing_partial_is_visible(
    reading: AppClient, path: str, done: dict[str, Any], tmp_path: Path
) -> None:
    """The exporting process is killed at 20 ages; what is visible then is whole, or nothing is."""
    home = Home(tmp_path / "home")
    plan = reading.get(f"{path}/front").json()["points"][0]["plan"]
    request = {
        "store": str(reading.service.settings.location),
        "home": str(home.path),
        "search": done["id"],
        "plan": plan,
        "parent": os.getpid(),
    }

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return process

    def finish() -> dict[str, Any]:
        with start() as process:
            assert process.stdout is not None
            written: dict[str, Any] = json.loads(process.stdout.readline())["written"]
        return written

    started = time.monotonic()
    written = finish()
    needed = time.monotonic() - started
    folder, packed = Path(written["path"]), Path(written["zip"])
    for age in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        packed.unlink(missing_ok=True)
        with start() as process:
            time.sleep(needed * (0.4 + 0.7 * age / 19))
            process.send_signal(signal.SIGKILL)
        if folder.exists():
            assert failures(check(folder)) == []
        if packed.exists():
            unpacked = tmp_path / f"unpacked-{age}"
            unpacked.mkdir()
            assert whole(packed.read_bytes(), unpacked)["plan"] == plan
    finish()
    # what the killed ones left behind is gone, too
    assert sorted(one.name for one in home.bundles.iterdir()) == sorted([folder.name, packed.name])


def test_an_export_process_refuses_in_words(reading: AppClient, done: dict[str, Any], tmp_path: Path) -> None:
    location = str(reading.service.settings.location)
    request = {"store": location, "home": str(tmp_path), "search": done["id"], "plan": {"stage0": 0.7, "stage3": 0.1}}
    with pytest.raises(ExportError, match="not on the front"):
        write(request)
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ('print(\'{"refused": "the target has other files"}\')', "the target has other files"),
        ("import os; os._exit(9)", "the exporting process ended with status 9; its log says why"),
    ],
)
def test_a_bundle_that_cannot_be_made_is_a_409(
    reading: AppClient, path: str, monkeypatch: pytest.MonkeyPatch, script: str, detail: str
) -> None:
    left = [point for point in reading.get(f"{path}/front").json()["points"] if not point["exported"]]
    assert left, "other tests have exported every point"
    shared: Shared = reading.app.state.shared
    monkeypatch.setattr(
        shared.exporter, "_command", (sys.executable, "-c", f"import sys; sys.stdin.readline(); {script}")
    )
    found = problem(reading.get(f"{path}/front/{left[0]['id']}/bundle.zip"), 409, "not-exportable")
    assert found["detail"] == detail
