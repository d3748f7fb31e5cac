"""Bundles are whole, checked, repeatable; a kill at any moment leaves nothing half-written."""

import json
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from search.budget import Budget
from search.errors import ExportError
from search.export.bundle import Bundle, bundle_name, write_bundle
from search.export.checks import check, failures
from search.export.verify import Wanted, verify
from tests.search.export_subjects import subject

FILES = ["README.md", "latency_samples.json", "manifest.json", "metafile.yml", "plan.json", "report.html"]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_bundle(subject(), tmp_path)


def test_a_simulated_bundle_has_everything_but_a_model_and_says_why(bundle: Bundle) -> None:
    assert sorted(file.name for file in bundle.path.iterdir()) == FILES
    items = {item.name: item for item in check(bundle.path)}
    assert not failures(items.values())
    assert items["model"].passed is None and "simulated" in items["model"].detail


def test_the_manifest_says_where_the_numbers_come_from(bundle: Bundle) -> None:
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    assert manifest["schema"] == "sparsearch-bundle/1" and manifest["simulated"] is True
    assert manifest["search"]["id"] == "20261121-101500-abcd"
    assert manifest["latency"]["chosen"]["samples"] == 100 and manifest["latency"]["chosen"]["p95_ms"] > 33.0
    assert manifest["budget"]["meets"] is True and manifest["accuracy"]["confirm"]["images"] == 300
    assert manifest["software"]["numpy"] and manifest["bundle_sha256"] == bundle.sha256
    assert set(manifest["files"]) == set(FILES) - {"manifest.json"}


def test_the_readme_says_how_to_serve_what_was_timed(tmp_path: Path) -> None:
    cases = (("kept", True), ("default", False), ({"MALLOC_ARENA_MAX": "1"}, False))
    for number, (memory, told) in enumerate(cases):
        device = {"name": "a CPU", "details": {"key": {"memory": memory}}}
        bundle = write_bundle(replace(subject(), device=device), tmp_path / str(number))
        assert ("export MALLOC_MMAP_MAX_=0 " in (bundle.path / "README.md").read_text()) is told


def test_equal_answers_give_equal_bytes(bundle: Bundle, tmp_path: Path) -> None:
    again = write_bundle(subject(), tmp_path / "elsewhere")
    assert again.zip.read_bytes() == bundle.zip.read_bytes()
    with zipfile.ZipFile(bundle.zip) as archive:
        assert archive.namelist() == [f"{bundle.path.name}/{name}" for name in FILES]


def test_writing_again_hands_back_what_is_there(bundle: Bundle, tmp_path: Path) -> None:
    before = (bundle.path / "report.html").stat().st_mtime_ns
    bundle.zip.unlink()
    assert write_bundle(subject(), tmp_path) == bundle
    assert (bundle.path / "report.html").stat().st_mtime_ns == before and bundle.zip.exists()


def test_another_plan_of_the_search_gets_another_name() -> None:
    made = subject()
    assert bundle_name(made) != bundle_name(replace(made, chosen=made.front[0]))


def test_a_foreign_or_damaged_folder_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.path / "plan.json").write_text("{}")
    with pytest.raises(ExportError, match="exists already"):
        write_bundle(subject(), tmp_path)
    assert (bundle.path / "plan.json").read_text() == "{}"
    own = tmp_path / "mine"
    own.mkdir()
    with pytest.raises(ExportError, match="exists already"):
        write_bundle(subject(), tmp_path, own)
    assert list(own.iterdir()) == []


def test_the_folder_can_be_chosen(tmp_path: Path) -> None:
    made = write_bundle(subject(), tmp_path / "unused", tmp_path / "deep" / "answer")
    assert made.path == tmp_path / "deep" / "answer" and made.zip == tmp_path / "deep" / "answer.zip"


def test_a_number_that_is_not_finite_stops_the_bundle_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="not finite"):
        write_bundle(subject(probability=float("nan")), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_a_config_could_not_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="choose another --output"):
        write_bundle(subject(), tmp_path / "it's")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_every_changed_or_missing_file_is_found(bundle: Bundle, name: str, damage: str) -> None:
    path = bundle.path / name
    path.unlink() if damage == "missing" else path.write_text(path.read_text().replace("33", "23", 1) + " ")
    broken = failures(check(bundle.path))
    if name == "manifest.json" and damage == "changed":
        return  # the manifest is not its own witness; its fields are, below
    assert broken and name in broken[0].detail


def test_a_file_too_many_is_found(bundle: Bundle) -> None:
    (bundle.path / "extra.py").write_text("import os\n")
    assert "extra.py" in failures(check(bundle.path))[0].detail


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": "other/1"}', '{"schema": "sparsearch-bundle/1"}', '"x"', "\x00"]
)
def test_a_torn_or_foreign_manifest_is_an_item_not_a_crash(bundle: Bundle, text: str) -> None:
    (bundle.path / "manifest.json").write_text(text)
    (item,) = check(bundle.path)
    assert item.passed is False and "manifest.json" in item.detail


def test_a_plan_outside_its_space_is_found(bundle: Bundle) -> None:
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    manifest["plan"]["stage0"] = 0.65
    (bundle.path / "manifest.json").write_text(json.dumps(manifest))
    assert [item.name for item in failures(check(bundle.path))] == ["plan"]


def test_a_zip_is_verified_like_its_folder(bundle: Bundle) -> None:
    files_only = Wanted(latency=False, accuracy=False)
    items = verify(bundle.zip, files_only)
    assert [(item.name, item.passed) for item in items] == [
        (item.name, item.passed) for item in verify(bundle.path, files_only)
    ]
    assert {item.name for item in items} == {"manifest", "digests", "plan", "model", "latency", "accuracy"}


@pytest.mark.parametrize("member", ["../evil", "/etc/evil", "b/../../evil", "b/c/d", "b\\evil", "b/.hidden", "evil"])
def test_a_zip_with_odd_members_is_refused_and_writes_nothing_outside(tmp_path: Path, member: str) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b/manifest.json", "{}")
        archive.writestr(member, "x")
    with pytest.raises(ExportError, match="no bundle"):
        verify(path, Wanted())
    assert not list(tmp_path.rglob("*evil*"))


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("b/manifest.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ExportError, match="no bundle"):
        verify(path, Wanted())


def test_a_torn_zip_and_a_missing_bundle_are_errors_with_their_names(bundle: Bundle, tmp_path: Path) -> None:
    torn = tmp_path / "torn.zip"
    torn.write_bytes(bundle.zip.read_bytes()[:-200])
    with pytest.raises(ExportError, match=r"torn\.zip"):
        verify(torn, Wanted())
    with pytest.raises(ExportError, match="does not exist"):
        verify(tmp_path / "nothing", Wanted())


_KILLED = """
import os, signal, sys
from pathlib import Path
from search.export.bundle import write_bundle
from tests.search.export_subjects import subject

def attempt(parent, after):
    # dies by SIGKILL at the n-th call that touches the disk
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in ("open", "os.rename", "os.mkdir", "os.remove"):
            seen += 1
            if seen == after:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    write_bundle(subject(), parent)
    return seen

write_bundle(subject(), Path(sys.argv[1]) / "warm")  # imports are over
for after in range(1, 400):
    child = os.fork()
    if child == 0:
        attempt(Path(sys.argv[1]) / str(after), after)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(after)
        break
"""


def test_a_kill_at_any_touch_of_the_disk_leaves_a_whole_bundle_or_none(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], capture_output=True, text=True, check=True)
    points = int(done.stdout)
    assert points > 20
    whole = 0
    for after in range(1, points):
        parent = tmp_path / str(after)
        shown = [entry for entry in parent.glob("*") if not entry.name.startswith(".")] if parent.exists() else []
        for entry in shown:
            if entry.is_dir():
                assert not failures(check(entry))
                whole += 1
            else:
                with zipfile.ZipFile(entry) as archive:
                    assert archive.testzip() is None
    assert 0 < whole < points - 1
    # whoever comes next finishes the job, and clears what the dead left
    for after in (points // 3, points - 2):
        made = write_bundle(subject(), tmp_path / str(after))
        assert not failures(check(made.path)) and not list(made.path.parent.glob(".part-*"))


def test_the_test_above_really_kills() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
    assert child.wait() == -signal.SIGKILL


def test_verify_says_when_a_budget_is_exceeded() -> None:
    from latency.setting import Setting
    from search.export.verify import judge_latency
    from search.records import Job

    class Record:
        """A latency of `ms`, as sure as sure can be."""

        samples = 100

        def __init__(self, ms: float) -> None:
            self.median_ms, self.interval_ms = ms, (0.99 * ms, 1.01 * ms)

        def probability_within(self, budget_ms: float) -> float:
            return float(self.median_ms <= budget_ms)

    job = Job(target="synthetic-swin-t", budget=Budget(35.0), setting=Setting(device="sim:0"))
    manifest = {"latency": {"ratio_to_dense": 0.7}}
    inside = judge_latency(Record(47.0), Record(33.0), manifest, job, same=True)  # type: ignore[arg-type]
    over = judge_latency(Record(47.0), Record(36.0), manifest, job, same=True)  # type: ignore[arg-type]
    elsewhere = judge_latency(Record(47.0), Record(36.0), manifest, job, same=False)  # type: ignore[arg-type]
    assert (inside.passed, over.passed, elsewhere.passed) == (True, False, None)
    assert "0.702 of dense" in inside.detail and "another device" in elsewhere.detail
