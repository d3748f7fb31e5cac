import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from samples import digits
from samples.digit_glyphs import draw_glyph, split_scans
from samples.digit_scenes import VISIBLE, draw_scene
from samples.digits import SHARES, SPLITS, Recipe, ensure_digits, is_complete, main, write_digits
from samples.errors import SampleError
from samples.photos import draw_background, split_photos

SMALL = Recipe(train=4, search=3, confirm=0, report=2, size=(160, 224))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "set"
    write_digits(folder, SMALL)
    return folder


def files(folder: Path) -> dict[str, str]:
    """sha256 of every file by its name inside the folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_same_recipe_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write_digits(tmp_path / "again", SMALL)
    assert files(tmp_path / "again") == files(written)
    assert len(files(written)) == 4 + 3 + 2 + 3 + 1


def test_another_seed_gives_other_images_and_another_name(written: Path, tmp_path: Path) -> None:
    other = Recipe(train=4, search=3, confirm=0, report=2, size=(160, 224), seed=1)
    write_digits(tmp_path / "other", other)
    ours, theirs = files(written), files(tmp_path / "other")
    assert not {ours[name] for name in ours if name.endswith(".jpg")} & set(theirs.values())
    assert other.digest() != SMALL.digest()


def test_image_n_is_the_same_for_any_number_of_images(written: Path, tmp_path: Path) -> None:
    write_digits(tmp_path / "one", Recipe(train=1, search=0, confirm=0, report=0, size=(160, 224)))
    assert files(tmp_path / "one")["train/00001.jpg"] == files(written)["train/00001.jpg"]
    assert not (tmp_path / "one" / "search").exists()


def test_annotations_are_coco_and_fit_the_images(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = COCO(str(written / "annotations" / "train.json"))
    assert "index created" in capsys.readouterr().out
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == list("0123456789")
    assert len(coco.anns) > 4
    for annotation in coco.anns.values():
        image = coco.imgs[annotation["image_id"]]
        assert size_of(written / "train" / image["file_name"]) == (image["width"], image["height"]) == (224, 160)
        mask = coco.annToMask(annotation).astype(bool)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        tight = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert annotation["bbox"] == tight
        assert annotation["area"] == mask.sum() > 0


def test_no_scan_is_in_two_splits() -> None:
    parts = split_scans(SHARES, np.random.default_rng(0))
    scans = [
        scan.tobytes() + bytes([label])
        for part in parts.values()
        for scan, label in zip(part.images, part.labels, strict=True)
    ]
    assert len(scans) == len(set(scans)) == 1797
    assert all(set(part.labels) == set(range(10)) for part in parts.values())


def test_no_photo_pixel_is_in_two_splits() -> None:
    bands = split_photos(SHARES)
    assert {len(pair) for pair in bands.values()} == {2}
    assert sum(pair[0].shape[1] for pair in bands.values()) == 640
    assert len({band.tobytes() for pair in bands.values() for band in pair}) == 2 * len(SPLITS)


def test_scene_is_mostly_background_and_its_digits_stay_visible() -> None:
    scans, bands = split_scans(SHARES, np.random.default_rng(0))["train"], split_photos(SHARES)["train"]
    covered, overlaps = [], 0
    for seed in range(12):
        scene = draw_scene(scans, bands, (336, 336), np.random.default_rng(seed))
        assert not (scene.masks.sum(0) > 1).any()  # a pixel belongs to the digit on top
        assert len(scene.labels) == len(scene.masks) >= 1
        assert min(mask.sum() for mask in scene.masks) > 30
        covered.append(scene.masks.any(0).mean())
        boxes = [(*np.argwhere(mask).min(0), *np.argwhere(mask).max(0)) for mask in scene.masks]
        overlaps += any(
            a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
            for i, a in enumerate(boxes)
            for b in boxes[:i]
        )
    assert 0.005 < float(np.mean(covered)) < 0.25
    assert overlaps >= 2
    assert 0.5 <= VISIBLE < 1


def test_glyph_is_cut_tightly_and_scales() -> None:
    scans = split_scans(SHARES, np.random.default_rng(0))["train"]
    small, large = (draw_glyph(scans, side, np.random.default_rng(5)) for side in (30.0, 60.0))
    assert small.label == large.label
    for glyph in (small, large):
        assert glyph.mask[0].any() and glyph.mask[-1].any() and glyph.mask[:, 0].any() and glyph.mask[:, -1].any()
        assert glyph.alpha.shape == glyph.mask.shape
        assert glyph.alpha.min() >= 0 and glyph.alpha.max() <= 1
    assert large.mask.sum() == pytest.approx(4 * small.mask.sum(), rel=0.15)


def test_background_has_the_size_asked_for() -> None:
    bands = split_photos(SHARES)["report"]
    for size in ((64, 300), (300, 64), (448, 448)):
        assert draw_background(bands, size, np.random.default_rng(0)).shape == (*size, 3)


def test_data_is_written_once_and_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path / "home"))
    recipe = Recipe(train=0, search=2, confirm=0, report=0, size=(96, 96))
    folder = ensure_digits(recipe)
    assert folder == tmp_path / "home" / "data" / f"digits-{recipe.digest()}"
    stamp = (folder / "search" / "00001.jpg").stat().st_mtime_ns
    assert ensure_digits(recipe) == folder
    assert (folder / "search" / "00001.jpg").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "harm", ["image lost", "image cut", "annotations changed", "manifest torn", "manifest of another"]
)
def test_damaged_data_is_noticed_and_written_again(tmp_path: Path, harm: str) -> None:
    recipe = Recipe(train=0, search=2, confirm=0, report=0, size=(96, 96))
    folder = ensure_digits(recipe, tmp_path)
    before = files(folder)
    image, manifest = folder / "search" / "00002.jpg", folder / "manifest.json"
    annotations = folder / "annotations" / "search.json"
    if harm == "image lost":
        image.unlink()
    elif harm == "image cut":
        image.write_bytes(image.read_bytes()[:-1])
    elif harm == "annotations changed":
        annotations.write_text(annotations.read_text().replace('"iscrowd": 0', '"iscrowd": 1', 1))
    elif harm == "manifest torn":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "digest": "0" * 12}))
    assert not is_complete(folder, recipe)
    assert files(ensure_digits(recipe, tmp_path)) == before


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(digits, "write_split", full)
    with pytest.raises(SampleError, match="No space left on device; free some space or set SPARSEARCH_HOME"):
        write_digits(tmp_path / "set", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_not_overwritten(written: Path) -> None:
    before = files(written)
    with pytest.raises(SampleError, match="exists; choose another folder"):
        write_digits(written, SMALL)
    assert files(written) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": -1}, "must be 0 or more"),
        ({"train": 0, "search": 0, "confirm": 0, "report": 0}, "not all 0"),
        ({"size": (32, 336)}, "at least 64 pixels"),
    ],
)
def test_impossible_recipe_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        Recipe(**options)  # type: ignore[arg-type]


def test_command_line_writes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = ["--train", "1", "--search", "0", "--confirm", "0", "--report", "0", "--size", "64"]
    out = tmp_path / "set"
    assert main(["--out", str(out), *counts]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert main(["--out", str(out), *counts]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["--out", str(tmp_path / "other"), *counts, "--size", "8"]) == 2
