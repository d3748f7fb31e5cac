"""S7: what users unzip holds plain files under one plain folder: no links, no way out, of bounded size."""

import io
import re
import stat
import zipfile

import pytest

from tests.api.security.conftest import Inside

LARGEST = 50 * 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@pytest.fixture(scope="module")
def bundle(inside: Inside) -> tuple[bytes, str]:
    answer = inside.client.get(f"/v1/searches/{inside.stock.done}/front/{inside.stock.point}/bundle.zip")
    assert answer.status_code == 200
    return answer.content, answer.headers["content-disposition"]


def test_members_are_plain_files_under_one_folder(bundle: tuple[bytes, str]) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle[0])) as archive:
        members = archive.infolist()
    assert len(members) >= 5
    folders = {member.filename.partition("/")[0] for member in members}
    assert len(folders) == 1
    for member in members:
        folder, slash, name = member.filename.partition("/")
        assert slash and _NAME.fullmatch(folder) and _NAME.fullmatch(name), member.filename
        assert ".." not in member.filename
        mode = member.external_attr >> 16
        assert stat.S_IFMT(mode) in (0, stat.S_IFREG), f"{member.filename} is no plain file: {mode:o}"
        assert mode & (stat.S_ISUID | stat.S_ISGID | 0o111 | 0o022) == 0
        assert member.flag_bits & 1 == 0
    assert len({member.filename.lower() for member in members}) == len(members), "two of them are one on some disks"


def test_it_is_small_packed_and_unpacked_and_whole(bundle: tuple[bytes, str]) -> None:
    content, _ = bundle
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert sum(member.file_size for member in archive.infolist()) <= LARGEST
        assert archive.comment == b""
    assert len(content) <= LARGEST
    assert content.startswith(b"PK\x03\x04"), "nothing stands before the archive"


def test_the_name_it_is_saved_under_is_plain(bundle: tuple[bytes, str]) -> None:
    name = re.fullmatch(r'attachment; filename="([^"]+)"', bundle[1])
    assert name is not None
    assert _NAME.fullmatch(name[1])
    assert name[1].endswith(".zip")


def test_every_download_says_what_it_is_and_is_not_run_by_a_browser(inside: Inside) -> None:
    root = f"/v1/searches/{inside.stock.done}"
    for path in (
        f"{root}/front/{inside.stock.point}/bundle.zip",
        f"{root}/front/{inside.stock.point}/manifest.json",
        f"{root}/front/{inside.stock.point}/metafile.yml",
        f"{root}/front?format=csv",
    ):
        answer = inside.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment"), path
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (f"{root}/report.html", f"{root}/plots/front.svg"):
        policy = inside.client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy


def test_a_bundle_that_a_link_stands_in_for_is_not_served(inside: Inside) -> None:
    (folder,) = [path for path in (inside.home / "bundles").iterdir() if path.is_dir() and not path.is_symlink()]
    secret = inside.home.parent / "secret.json"
    secret.write_text('{"secret": true}', encoding="utf-8")
    manifest = folder / "manifest.json"
    kept = manifest.rename(folder.parent / "kept.json")
    manifest.symlink_to(secret)
    try:
        answer = inside.client.get(f"/v1/searches/{inside.stock.done}/front/{inside.stock.point}/manifest.json")
        assert "secret" not in answer.text
        assert answer.status_code >= 400
    finally:
        manifest.unlink()
        kept.rename(manifest)
