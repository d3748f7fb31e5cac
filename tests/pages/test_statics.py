"""The files of the pages: how they are sent, and that the vendored one is what its note says."""

import hashlib
import re

import pytest

from api.pages import statics
from tests.api.support import AppClient, LiveServer

VENDORED = statics.FOLDER / "vendor" / "echarts"
OWN = sorted(name for name in statics.files() if not name.startswith("vendor/"))


def test_the_vendored_library_is_the_file_its_note_names() -> None:
    note = (VENDORED / "README.md").read_text()
    stated = re.search(r"sha256: `([0-9a-f]{64})`", note)
    source = (VENDORED / "echarts.min.js").read_bytes()
    assert stated is not None and hashlib.sha256(source).hexdigest() == stated[1]
    version = re.search(r"# Apache ECharts (\d+\.\d+\.\d+)", note)
    assert version is not None and f'version="{version[1]}"'.encode() in source.replace(b"t.version", b"version")
    assert "Apache License" in (VENDORED / "LICENSE.txt").read_text()
    assert "Apache ECharts" in (VENDORED / "NOTICE.txt").read_text()


def test_files_may_be_kept_for_ever_under_the_digest_of_them_all(pages: AppClient) -> None:
    for name in statics.files():
        answer = pages.get(statics.address(name))
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
        assert answer.content == statics.files()[name].plain


def test_another_version_is_sent_but_not_kept(pages: AppClient) -> None:
    answer = pages.get("/static/000000000000/js/dom.js")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-cache"


def test_files_are_packed_for_those_who_can_unpack(server: LiveServer) -> None:
    name = "vendor/echarts/echarts.min.js"
    packed = server.client.get(statics.address(name), headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 0.5 * len(packed.content)
    plain = server.client.get(statics.address(name), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.content == packed.content


@pytest.mark.parametrize(
    "path", ["../routes.py", "..%2froutes.py", "js/../../routes.py", "vendor/echarts/README.md", "", "js/", "js/%00"]
)
def test_nothing_but_the_listed_files_is_sent(pages: AppClient, path: str) -> None:
    answer = pages.get(f"/static/{statics.digest()}/{path}", follow_redirects=True)
    assert answer.status_code == 404 and "def " not in answer.text


@pytest.mark.parametrize("name", OWN)
def test_our_files_use_no_foreign_address_and_no_code_from_text(name: str) -> None:
    text = statics.files()[name].plain.decode()
    assert not re.search(r"https?://", text)
    assert not re.search(
        r"\beval\(|new Function|\.outerHTML|insertAdjacentHTML|document\.write|setAttribute\(.style", text
    )
    # the one place that takes markup takes it from our own templates
    assert len(re.findall(r"\.innerHTML\s*=", text)) == (1 if name == "js/dom.js" else 0)


@pytest.mark.parametrize("name", [name for name in OWN if name.endswith(".js")])
def test_scripts_import_files_that_are_there(name: str) -> None:
    folder = statics.FOLDER / name
    for imported in re.findall(r'from "(\.{1,2}/[^"]+)"', folder.read_text()):
        assert (folder.parent / imported).resolve().relative_to(statics.FOLDER.resolve()).as_posix() in statics.files()
