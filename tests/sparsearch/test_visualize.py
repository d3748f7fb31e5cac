"""`visualize`: what is drawn is what the model did, and what cannot be drawn is refused in words."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.picture import Picture
from models.plan import Plan
from models.space import Knob, Space
from models.work import BlockWork, Work
from samples.digits import Recipe, ensure_digits
from search.errors import JobError, SearchError
from sparsearch.commands.visualize import write
from sparsearch.failures import FAILED, REFUSED
from sparsearch.visualize.drawing import draw
from sparsearch.visualize.layout import arrange
from sparsearch.visualize.numbers import as_json, lines
from sparsearch.visualize.overlay import at_pixels, borders, grey, group_colours, inside, overlay
from sparsearch.visualize.plans import parse_plan
from sparsearch.visualize.records import Map, Scene, Seen, last_of_each_stage
from sparsearch.visualize.results import detections, scores
from sparsearch.visualize.scenes import look
from sparsearch.visualize.subject import Subject, shown
from tests.sparsearch.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "configs/search/digits_sparsevit.py")
CHECKPOINT = str(ROOT / "samples/weights/digits_sparsevit.safetensors")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A picture of the built-in data."""
    root = tmp_path_factory.mktemp("digits")
    return str(next((ensure_digits(Recipe.of_split("report", 1), root) / "report").glob("*.jpg")))


# --- plans ---


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ('{"stage0": 0.3}', {"stage0": 0.3}),
        (" {} ", {}),
        ("stage0=0.3", {"stage0": 0.3}),
        ("stage0=0.3, stage1=0.5", {"stage0": 0.3, "stage1": 0.5}),
        (
            "grid0=16x8 refine0=none dumbbell2=false k=7",
            {"grid0": "16x8", "refine0": "none", "dumbbell2": False, "k": 7},
        ),
    ],
)
def test_a_plan_is_json_or_pairs(text: str, plan: dict[str, Any]) -> None:
    assert parse_plan(text) == Plan.of(plan)


def test_a_plan_is_a_file_a_bundle_or_a_word(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"stage0": 0.25}\n')
    assert parse_plan(str(tmp_path)) == parse_plan(str(tmp_path / "plan.json")) == Plan.of({"stage0": 0.25})
    assert [parse_plan(word) for word in ("dense", "floor", "config")] == ["dense", "floor", "config"]


@pytest.mark.parametrize("text", ["", "sparse", "gone/plan.json", "stage0=", "=3", "stage0=0.3 stage1", "stage0:0.3"])
def test_what_is_no_plan_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(JobError, match=r"stage0=0\.3"):
        parse_plan(text)


def test_a_file_that_holds_no_plan_is_refused_by_name(tmp_path: Path) -> None:
    for content in (b"[1]", b"\xff\xfe", b"{"):
        (tmp_path / "plan.json").write_bytes(content)
        with pytest.raises(JobError, match=r"plan\.json"):
            parse_plan(str(tmp_path))


# --- maps over images ---


def test_every_pixel_takes_the_entry_it_lies_in() -> None:
    values = np.arange(6).reshape(2, 3)
    assert at_pixels(values, (2, 1), (4, 3)).tolist() == [[0, 1, 2]] * 2 + [[3, 4, 5]] * 2
    assert at_pixels(values, (3, 2), (4, 5)).tolist() == [[0, 0, 1, 1, 2]] * 3 + [[3, 3, 4, 4, 5]]  # reaches beyond
    assert at_pixels(values, (1.5, 1), (3, 4)).tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]]


def test_borders_run_between_unlike_neighbours_as_long_as_they_can() -> None:
    values = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 2]])
    found = {tuple(map(tuple, line)) for line in borders(values, (10, 5)).tolist()}
    assert found == {((10, 0), (10, 20)), ((0, 20), (15, 20))}
    assert borders(np.zeros((2, 2)), (1, 1)).shape == (0, 2, 2)


def test_of_a_map_that_reaches_beyond_its_frame_only_what_is_inside_has_borders() -> None:
    values = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    found = {tuple(map(tuple, line)) for line in inside(borders(values, (4, 4)), (8, 10)).tolist()}
    # columns end at 4 and 8 of 10 pixels, rows at 4 and 8 of 8
    assert found == {((4, 0), (4, 8)), ((8, 0), (8, 8)), ((0, 4), (10, 4))}
    assert len(inside(borders(values, (4, 4)), (3, 3))) == 0


def test_neighbouring_groups_have_unlike_colours_and_a_group_one_colour_on_all_frames() -> None:
    groups = np.random.default_rng(0).integers(0, 6, (2, 9, 9))
    colours = group_colours(groups)
    for axis in range(3):
        first, second = np.moveaxis(groups, axis, 0)[:-1], np.moveaxis(groups, axis, 0)[1:]
        unlike = (np.moveaxis(colours, axis, 0)[:-1] != np.moveaxis(colours, axis, 0)[1:]).any(-1)
        assert (unlike == (first != second)).all()
    for group in range(6):
        assert len(np.unique(colours[groups == group], axis=0)) == 1


def test_more_neighbours_than_colours_still_get_one() -> None:
    lonely = np.arange(100).reshape(1, 10, 10)
    crowd = np.where(np.arange(200) % 2, np.arange(200), 0).reshape(1, 10, 20)
    for values in (lonely, crowd):
        assert group_colours(values).shape == (*values.shape, 3)


def test_kept_places_look_as_they_are_and_the_others_fade() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    one = Map("stage 0, block 0", "kept", np.array([[[1.0, 0.0, 0.5]]]), (4, 2))
    shown_image = overlay(frame, one, 0, None).image
    plain = frame / 255
    assert np.allclose(shown_image[:, :2], plain[:, :2])
    assert np.allclose(shown_image[:, 2:4], grey(shown_image[:, 2:4])) and np.ptp(shown_image[:, 2:4]) < 0.31
    half = 0.5 * plain[:, 4:] + 0.5 * overlay(frame, Map("", "kept", np.zeros((1, 1, 3)), (4, 2)), 0, None).image[:, 4:]
    assert np.allclose(shown_image[:, 4:], half)


def test_the_last_map_of_every_stage_and_kind() -> None:
    kinds = [("stage 0, block 0", "kept"), ("stage 0, block 1", "kept"), ("stage 2, blocks 1-4", "kept")]
    kinds += [
        ("stage 2, block 5", "groups"),
        ("stage 2, blocks 7-10", "kept"),
        ("layer 3", "kept"),
        ("layer 7", "kept"),
    ]
    maps = tuple(Map(title, kind, np.zeros((1, 1, 1)), (1, 1)) for title, kind in kinds)  # type: ignore[arg-type]
    assert [one.title for one in last_of_each_stage(maps)] == [
        "stage 0, block 1", "stage 2, block 5", "stage 2, blocks 7-10", "layer 3", "layer 7",
    ]  # fmt: skip


@pytest.mark.parametrize("aspect", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("maps", [0, 1, 4, 5, 6, 12, 38])
def test_nothing_overlaps_and_everything_is_on_the_page(maps: int, aspect: float) -> None:
    page = arrange(["dense", "a long name " * 90], maps, aspect)
    boxes = [box for row in page.rows for box in (row.result, *row.maps)]
    assert len(boxes) == 2 * (maps + 1)
    for box in boxes:
        assert box.left >= 0 and box.top >= 0
        assert box.left + box.width <= page.width and box.top + box.height <= page.height
    for place, one in enumerate(boxes):
        for other in boxes[place + 1 :]:
            apart = one.left + one.width <= other.left or other.left + other.width <= one.left
            assert apart or one.top + one.height <= other.top or other.top + other.height <= one.top
    below = page.rows[1]
    assert below.heading_top > max(box.top + box.height for box in (page.rows[0].result, *page.rows[0].maps))
    assert len(below.heading) > 1 and below.result.top > below.heading_top + len(below.heading) * 0.17


# --- results ---


def test_detections_are_those_above_the_threshold_best_first() -> None:
    boxes = [np.array([[0, 0, 5, 5, 0.4], [1, 1, 2, 2, 0.1]]), np.zeros((0, 5)), np.array([[3, 3, 9, 9, 0.9]])]
    masks = [[np.ones((2, 2), bool), np.zeros((2, 2), bool)], [], [np.eye(2, dtype=bool)]]
    best, second = detections((boxes, masks), ("cat",), 0.3)
    assert (best.label, best.number, best.score, best.box) == ("class 2", 2, 0.9, (3, 3, 9, 9))
    assert best.mask is not None and best.mask.tolist() == [[True, False], [False, True]]
    assert second.label == "cat" and detections(boxes, (), 0.95) == ()
    assert detections(boxes, (), 0.9)[0].mask is None


def test_scores_are_probabilities_whatever_the_model_returns() -> None:
    probabilities = np.array([0.1, 0.7, 0.2])
    for result in (probabilities, np.log(probabilities), 5 + np.log(probabilities)):
        found = scores(result, ("a", "b"))
        assert [label for label, _ in found] == ["b", "class 2", "a"]
        assert [score for _, score in found] == pytest.approx([0.7, 0.2, 0.1])
    assert len(scores(np.arange(9.0), ())) == 5


# --- clips, with a model that only plays one ---


class _Clips:
    """A backbone of clips with two maps whose values tell where they came from."""

    plan = Plan.of({"alpha": 1})

    def space(self, size: tuple[int, int]) -> Space:
        return Space((Knob("alpha", (0, 1)),))

    def work(self, plan: Any, size: tuple[int, int]) -> Work:
        return Work((BlockWork(0, 1, 1, 50.0 if plan.get("alpha") else 100.0),), 0.0)

    def depends_on_content(self, plan: Any) -> bool:
        return plan.get("alpha") == 1

    def pictures(self, x: torch.Tensor, plan: Any) -> tuple[Picture, ...]:
        frames = torch.arange(4)[:, None, None].expand(4, 2, 2)[None]
        return (
            Picture("stage 0, block 0", "kept", (frames / 4).float(), (8, 8)),
            Picture("stage 0, block 1", "groups", frames, (8, 8)),
        )


class _Model(SimpleNamespace):
    """Knows two classes of clips."""

    def __call__(self, **batch: Any) -> list[Any]:
        assert batch == {"return_loss": False, "rescale": False, "img": "clip"}
        return [np.array([0.25, 0.75])]


def _clip() -> Subject:
    x = torch.linspace(0, 1, 8)[None, None, :, None, None].expand(1, 3, 8, 16, 16)
    norm = {"mean": [0] * 3, "std": [255] * 3}
    return Subject(_Model(backbone=_Clips()), {"img": "clip"}, x, True, norm, (16, 12), ("up", "down"))


def test_a_clip_shows_four_frames_with_the_maps_that_belong_to_them() -> None:
    subject = _clip()
    assert shown(8) == [1, 3, 5, 7] and shown(32) == [4, 12, 20, 28] and shown(1) == [0] and shown(3) == [0, 1, 2]
    scene = look(subject, ["config", "dense"], "clip.mp4", True, 0.3)
    assert scene.frames.shape == (4, 16, 12, 3) and scene.clip == 8
    assert scene.frames[:, 0, 0, 0].tolist() == [round(255 * place / 7) for place in (1, 3, 5, 7)]
    own, dense = scene.rows
    assert own.maps[1].values[:, 0, 0].tolist() == [0, 1, 2, 3] and own.maps[0].kept == pytest.approx(0.375)
    assert (own.name, own.share, dense.share) == ("plan of the config: alpha=1", 0.5, 1.0)
    assert (own.by_content, dense.by_content) == (True, False)
    assert own.scores == (("down", 0.75), ("up", 0.25)) and own.detections is None
    assert draw(scene, "png", 50).startswith(b"\x89PNG")
    numbers = as_json(scene, Path("o.png"))
    assert numbers["frames"] == 4 and numbers["plans"][0]["scores"][0] == {"label": "down", "score": 0.75}
    said = lines(scene, Path("o.png"))
    assert "down 0.75" in said[0] and "on average about 50%" in said[0]


def test_the_frame_is_what_the_network_saw_in_rgb_without_padding() -> None:
    file = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.float32)  # BGR, as files are read
    mean, std = np.array([100.0, 110, 120], np.float32), np.array([50.0, 60, 70], np.float32)
    for to_rgb in (True, False):
        pixels = file[..., ::-1] if to_rgb else file
        x = torch.zeros(1, 3, 8, 8)
        x[0, :, :5, :6] = torch.from_numpy(((pixels - mean) / std).transpose(2, 0, 1).copy())
        norm = {"mean": mean, "std": std, "to_rgb": to_rgb}
        subject = Subject(None, {}, x, False, norm, (5, 6), ())
        assert np.array_equal(subject.frames()[0], file[..., ::-1])


def test_a_block_that_does_not_run_keeps_its_place() -> None:
    frame = np.zeros((1, 8, 8, 3), np.uint8)
    maps = tuple(Map(f"stage 0, block {block}", "kept", np.ones((1, 2, 2)), (4, 4)) for block in range(2))
    rows = tuple(Seen("n", Plan(), 1.0, 1.0, kept, ()) for kept in (maps[1:], maps))
    svg = draw(Scene("x", frame, rows, 0.3), "svg", 60)
    assert svg.count(b"<!-- stage 0, block 0 -->") == 2 and svg.count(b"<!-- nothing to show") == 1


def test_plans_that_choose_in_unlike_blocks_of_a_stage_share_its_column() -> None:
    frame = np.zeros((1, 8, 8, 3), np.uint8)
    maps = [Map(f"stage 2, block {block}", "groups", np.ones((1, 2, 2), int), (4, 4)) for block in (1, 4)]
    rows = tuple(Seen("n", Plan(), 1.0, 1.0, (one,), ()) for one in maps)
    for by_stage, missing in ((True, 0), (False, 2)):
        svg = draw(Scene("x", frame, rows, 0.3, by_stage), "svg", 60)
        assert svg.count(b"<!-- nothing to show") == missing
        assert b"<!-- stage 2, block 1 -->" in svg and b"<!-- stage 2, block 4 -->" in svg


def test_a_drawing_that_no_program_opens_is_refused() -> None:
    maps = (Map("stage 0, block 0", "kept", np.ones((1, 2, 2)), (4, 4)),)
    rows = (Seen("n", Plan(), 1.0, 1.0, maps, ()),) * 40
    with pytest.raises(JobError, match="--blocks last"):
        draw(Scene("x", np.zeros((1, 8, 8, 3), np.uint8), rows, 0.3), "png", 400)


# --- the command ---


def test_the_grid_shows_what_the_detector_did(run: Run, tmp_path: Path, image: str) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "plan.json").write_text('{"stage0": 0.5, "stage2_3": 0.6}')
    given = ("--plan", "dense", "--plan", "bundle", "--plan", "stage1.1=0.7", "--plan", "floor")
    said = run("visualize", CONFIG, CHECKPOINT, image, "-o", "grid.png", *given, "--json", "--dpi", "60")
    assert said.code == 0, said.err
    numbers = json.loads(said.out)
    dense, bundle, block, floor = numbers["plans"]
    assert [one["title"] for one in dense["maps"]] == [f"stage {s}, block {b}" for s, b in enumerate((1, 1, 5, 1))]
    assert {one["kept"] for one in dense["maps"]} == {1.0} and dense["macs_share"] == 1.0
    assert [one["kept"] for one in bundle["maps"]] == pytest.approx([72 / 144, 1, 3 / 9, 1])
    assert [one["kept"] for one in block["maps"]] == pytest.approx([1, 10 / 36, 1, 1])
    assert floor["macs_share"] < bundle["macs_share"] < block["macs_share"] < 1
    assert bundle["name"] == "stage0=0.5, stage2_3=0.6" and floor["name"].startswith("floor: stage0=0.8")
    assert dense["detections"] and all(one["score"] >= 0.3 for one in dense["detections"])
    assert dense["detections"] != floor["detections"]
    with Image.open(tmp_path / "grid.png") as drawing:
        assert drawing.format == "PNG" and 400 < drawing.width < 1200 and 400 < drawing.height < 1200
    assert os.listdir(tmp_path) and not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.filterwarnings('ignore:"ImageToTensor" pipeline is replaced:UserWarning')
def test_detections_are_those_of_mmdet(run: Run, image: str) -> None:
    from mmdet.apis import inference_detector

    import sparsearch
    from search.evaluators.detection import load
    from search.training import read_config

    said = run("visualize", CONFIG, CHECKPOINT, image, "-o", "a.png", "--json", "--score-thr", "0.5", "--dpi", "40")
    shown_boxes = json.loads(said.out)["plans"][0]["detections"]
    sparsearch.register()
    config = read_config(CONFIG)
    detector = load(config, Path(CHECKPOINT), "cpu")
    detector.cfg = config
    boxes, _ = inference_detector(detector, image)
    expected = sorted((row for rows in boxes for row in rows if row[4] >= 0.5), key=lambda row: -row[4])
    assert len(expected) > 0
    # the pipeline leaves 336 x 336 pixels as they are
    found = [[*one["box"], one["score"]] for one in shown_boxes]
    assert np.allclose(found, expected, atol=1e-3)


def test_all_blocks_of_the_plan_of_the_config_in_words(run: Run, tmp_path: Path, image: str) -> None:
    (tmp_path / "own.py").write_text(f"_base_ = '{CONFIG}'\nmodel = dict(backbone=dict(plan={{'stage1': 0.5}}))\n")
    said = run("visualize", "own.py", CHECKPOINT, image, "-o", "deep/all.svg", "--blocks", "all")
    assert said.code == 0, said.err
    first, *maps, last = said.out.splitlines()
    assert first.startswith("plan of the config: stage1=0.5: ") and "GMACs" in first and "objects" in first
    assert len(maps) == 12 and maps[2] == "  stage 1, block 0: 50% kept" and last == "written: deep/all.svg"
    assert (tmp_path / "deep/all.svg").read_text().startswith("<?xml")


def test_a_classifier_shows_its_likeliest_classes(run: Run, tmp_path: Path, image: str) -> None:
    from safetensors.torch import save_file

    import sparsearch

    sparsearch.register()
    from mmcv import Config
    from mmdet.models import build_detector

    (tmp_path / "c.py").write_text(
        "backbone = dict(type='SuperTokenClassifier', num_classes=3, projection=8, embed_dims=(8, 16, 24, 32),\n"
        "                depths=(1, 1, 1, 1), num_heads=(1, 2, 3, 4))\n"
        "model = dict(type='ImageClassifier', num_classes=3, backbone=backbone)\n"
        "steps = [dict(type='Resize', size=72), dict(type='CenterCrop', size=64),\n"
        "         dict(type='Normalize', mean=[120.0, 110.0, 100.0], std=[60.0, 50.0, 40.0])]\n"
        "test = dict(type='ImageFolder', data_prefix='gone', classes=['ant', 'bee', 'cat'], pipeline=steps)\n"
        "data = dict(test=test)\n"
    )
    torch.manual_seed(0)
    model = build_detector(Config.fromfile("c.py").model)
    save_file({name: one.contiguous() for name, one in model.state_dict().items()}, "c.safetensors")
    said = run("visualize", "c.py", "c.safetensors", image, "-o", "c.png", "--plan", "grid0=4", "--json", "--dpi", "40")
    assert said.code == 0, said.err
    numbers = json.loads(said.out)
    (row,) = numbers["plans"]
    assert numbers["size"] == [64, 64] and {one["label"] for one in row["scores"]} == {"ant", "bee", "cat"}
    assert sum(one["score"] for one in row["scores"]) == pytest.approx(1)
    assert [one["title"] for one in row["maps"]] == [f"stage {stage}, block 0" for stage in range(4)]
    assert 1 <= row["maps"][0]["groups"] <= 16 and "detections" not in row
    said = run("visualize", "c.py", "c.safetensors", "c.py", "-o", "d.png")
    assert said.code == REFUSED and "c.py cannot be read" in said.err and not (tmp_path / "d.png").exists()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"image": "gone.jpg"}, "gone.jpg does not exist"),
        ({"image": "."}, "does not exist"),
        ({"image": "text.jpg"}, "text.jpg cannot be read by the test pipeline"),
        ({"options": ["--plan", "stage7=0.5"]}, "unknown knob 'stage7'"),
        ({"options": ["--plan", "stage0=2"]}, "stage0=2"),
        ({"options": ["--plan", "dense", "--plan", "nonsense"]}, "nonsense"),
        ({"options": ["--blocks", "some"]}, "last or all"),
        ({"options": ["--device", "sim:0"]}, "cuda:0"),
        ({"options": ["--dpi", "4000"]}, "--dpi"),
        ({"options": ["--score-thr", "2"]}, "--score-thr"),
        ({"output": "out.bmp"}, ".png, .svg, .pdf"),
        ({"output": "out"}, ".png, .svg, .pdf"),
        ({"config": "gone.py"}, "gone.py"),
        ({"config": "plain.py"}, "draws no pictures"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    run: Run, tmp_path: Path, image: str, changes: dict[str, Any], named: str
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "plain.py").write_text(
        f"_base_ = '{CONFIG}'\n"
        "model = dict(backbone=dict(_delete_=True, type='SwinTransformer', embed_dims=24, depths=(2, 2, 6, 2),\n"
        "                           num_heads=(1, 2, 4, 8), window_size=7))\n"
    )
    before = sorted(os.listdir(tmp_path))
    output = changes.get("output", "out.png")
    arguments = (changes.get("config", CONFIG), CHECKPOINT, changes.get("image", image), "-o", output)
    said = run("visualize", *arguments, *changes.get("options", ()))
    assert said.code == REFUSED, said.err
    assert named in said.err and "Traceback" not in said.err and said.out == ""
    assert sorted(os.listdir(tmp_path)) == before


def test_weights_that_do_not_fit_are_listed(run: Run, image: str) -> None:
    from safetensors.torch import save_file

    save_file({"backbone.odd": torch.zeros(1)}, "odd.safetensors")
    said = run("visualize", CONFIG, "odd.safetensors", image, "-o", "out.png")
    assert said.code in (REFUSED, FAILED) and "unexpected keys (1)" in said.err and "backbone.odd" in said.err


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "out.png"
    write(b"old", place)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SearchError, match="No space left"):
        write(b"new", place)
    assert place.read_bytes() == b"old" and os.listdir(tmp_path) == ["out.png"]
    with pytest.raises(SearchError, match="cannot write"):
        write(b"new", place / "below.png")


def test_equal_scenes_give_equal_bytes() -> None:
    maps = (Map("stage 0, block 0", "groups", np.arange(4).reshape(1, 2, 2) // 2, (4, 4)),)
    scene = Scene("x", np.zeros((1, 8, 8, 3), np.uint8), (Seen("n", Plan(), 1.0, 1.0, maps, ()),), 0.3)
    for format in ("png", "svg", "pdf"):
        assert draw(scene, format, 60) == draw(scene, format, 60)
