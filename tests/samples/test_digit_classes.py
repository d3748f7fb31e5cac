"""The built-in classification set: same bytes for the same recipe, whole or not at all, and not too easy."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samples import digit_classes
from samples.digit_classes import ClassRecipe, draw_digit, ensure_digit_classes, fill, main
from samples.digit_glyphs import split_scans
from samples.digits import SHARES
from samples.errors import SampleError
from samples.folders import is_whole, tally, write_folder
from samples.photos import split_photos
from tests.samples.test_digits import files

SMALL = ClassRecipe(train=6, search=3, confirm=0, report=2, size=64)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes") / "set"
    write_folder(folder, SMALL.digest(), lambda empty: fill(empty, SMALL))
    return folder


def test_same_recipe_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = ensure_digit_classes(SMALL, tmp_path)
    assert files(again) == files(written)
    assert len(files(written)) == 6 + 3 + 2 + 1


def test_layout_is_one_folder_per_class(written: Path) -> None:
    for split in ("train", "search", "report"):
        assert sorted(path.name for path in (written / split).iterdir()) == [str(digit) for digit in range(10)]
    assert not (written / "confirm").exists()
    for path in written.glob("*/*/*.jpg"):
        with Image.open(path) as image:
            assert (image.size, image.mode) == ((64, 64), "RGB")


def test_image_n_is_the_same_for_any_number_of_images(written: Path, tmp_path: Path) -> None:
    fewer = ensure_digit_classes(ClassRecipe.of_split("train", 2, 64), tmp_path)
    ours, theirs = files(written), files(fewer)
    images = [name for name in theirs if name.endswith(".jpg")]
    assert len(images) == 2
    assert all(ours[name] == theirs[name] for name in images)


def test_another_seed_gives_other_images(written: Path, tmp_path: Path) -> None:
    other = ensure_digit_classes(ClassRecipe(train=6, search=0, confirm=0, report=0, size=64, seed=1), tmp_path)
    assert not set(files(written).values()) & set(files(other).values())


def test_what_is_there_and_whole_is_not_written_again(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written.parent / f"digit-classes-{SMALL.digest()}"
    written.rename(folder)
    try:
        monkeypatch.setattr(digit_classes, "fill", lambda *_: pytest.fail("it was written again"))
        assert ensure_digit_classes(SMALL, written.parent) == folder
    finally:
        folder.rename(written)


@pytest.mark.parametrize("damage", ["missing", "short", "manifest"])
def test_damage_is_noticed_and_repaired(tmp_path: Path, damage: str) -> None:
    recipe = ClassRecipe(train=2, search=0, confirm=0, report=0, size=64)
    folder = ensure_digit_classes(recipe, tmp_path)
    before = files(folder)
    victim = next(folder.glob("train/*/*.jpg"))
    if damage == "missing":
        victim.unlink()
    elif damage == "short":
        victim.write_bytes(victim.read_bytes()[:100])
    else:
        (folder / "manifest.json").write_text("{")
    assert not is_whole(folder, recipe.digest())
    assert files(ensure_digit_classes(recipe, tmp_path)) == before


def test_manifest_counts_what_was_written(written: Path) -> None:
    manifest = json.loads((written / "manifest.json").read_text())
    assert manifest["digest"] == SMALL.digest()
    for split, counted in manifest["splits"].items():
        assert {"files": counted["files"], "bytes": counted["bytes"]} == tally(written, split)


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path) -> None:
    def failing(empty: Path) -> dict[str, dict[str, int]]:
        (empty / "half").write_text("half")
        raise OSError("no space left")

    with pytest.raises(SampleError, match="free some space"):
        write_folder(tmp_path / "set", "digest", failing)
    assert list(tmp_path.iterdir()) == []


def test_the_label_is_the_largest_digit_and_all_labels_occur() -> None:
    scans = split_scans(SHARES, np.random.default_rng(0))["report"]
    bands = split_photos(SHARES)["report"]
    drawn = [draw_digit(scans, bands, 64, np.random.default_rng(seed)) for seed in range(80)]
    assert {label for label, _ in drawn} == set(range(10))
    assert all(image.shape == (64, 64, 3) and image.dtype == np.uint8 for _, image in drawn)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"train": -1}, "0 or more"), ({"size": 63}, "at least 64"), ({"train": 0, "search": 0, "report": 0}, "not all")],
)
def test_recipes_that_make_no_sense_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        ClassRecipe(**{"train": 6, "search": 3, "confirm": 0, "report": 2, "size": 64, **change})


def test_command_line_writes_a_folder_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--out", str(tmp_path / "a"), "--train", "1", "--search", "0", "--confirm", "0", "--report", "0"]
    assert main([*words, "--size", "64"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a")
    assert main(words) == 2
    assert "exists; choose another folder" in capsys.readouterr().err
