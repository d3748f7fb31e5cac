"""Hourglass transformers on paper: plans, spaces and work, against the published numbers."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from models.errors import InputError, PlanError
from models.hourglass_geometry import HourglassGeometry
from models.hourglass_plan import Defaults, Hourglass, grid_value, ladder, parse, parse_grid
from models.hourglass_rules import Rules
from models.hourglass_swin import HourglassSwin
from models.hourglass_variants import HOURGLASS_SWIN, VIDEO_SWIN
from models.plan import Plan
from models.video_swin import VideoSwin

DEPTHS, WINDOW, FLAT = (2, 2, 18, 2), (8, 12, 12), (1, 12, 12)


def parsed(settings: dict, window: tuple[int, int, int] = WINDOW, **defaults: object) -> Hourglass | None:
    return parse(settings, DEPTHS, window, Defaults(**defaults))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("location", "stage", "block"),
    [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1), (4, 2, 0), (10, 2, 6), (21, 2, 17), (22, 3, 0), (23, 3, 1)],
)
def test_location_counts_the_blocks_before_clustering(location: int, stage: int, block: int) -> None:
    found = parsed({"location": location})
    assert found == Hourglass(stage, block, (8, 11, 11), 5, 5, 0.01, 25)


@pytest.mark.parametrize("settings", [{}, {"location": 24}, {"location": -1}, {"grid": "8x6x6", "k": 3}])
def test_dense_plans(settings: dict) -> None:
    assert parsed(settings) is None


@pytest.mark.parametrize(
    ("value", "window", "grid"),
    [("8x6x6", WINDOW, (8, 6, 6)), ("1x12x1", WINDOW, (1, 12, 1)), (8, FLAT, (1, 8, 8)), ("8", FLAT, (1, 8, 8)),
     ("8x9", FLAT, (1, 8, 9)), ("1x8x9", FLAT, (1, 8, 9))],
)  # fmt: skip
def test_grids(value: object, window: tuple[int, int, int], grid: tuple[int, int, int]) -> None:
    assert parse_grid(value, window) == grid
    assert parse_grid(grid_value(grid, window), window) == grid


@pytest.mark.parametrize(
    ("settings", "window", "message"),
    [
        ({"stage2": 0.5}, WINDOW, r"unknown knobs \['stage2'\]; this backbone has location, grid"),
        ({"location": 25}, WINDOW, r"location=25: expected -1 or 24 \(dense\), or 0 to 23"),
        ({"location": True}, WINDOW, "location=True"),
        ({"location": 10.0}, WINDOW, "location=10.0"),
        ({"grid": "9x6x6"}, WINDOW, "at most 8x12x12"),
        ({"grid": "6x6"}, WINDOW, r"'8x6x6' \(frames x rows x columns\)"),
        ({"grid": 6}, WINDOW, "grid=6: expected clusters per window"),
        ({"grid": "13"}, FLAT, r"8 or '8x8' \(rows x columns\), at most 12x12"),
        ({"grid": 0}, FLAT, "grid=0"),
        ({"grid": True}, FLAT, "grid=True"),
        ({"grid": 8.0}, FLAT, "grid=8.0"),
        ({"grid": "8x"}, FLAT, "grid='8x'"),
        ({"iterations": -1}, WINDOW, "iterations=-1: expected 0 to 20"),
        ({"iterations": 21}, WINDOW, "iterations=21: expected 0 to 20"),
        ({"neighbourhood": 4}, WINDOW, "neighbourhood=4: a side with a middle is needed"),
        ({"neighbourhood": 0}, WINDOW, "neighbourhood=0: expected an odd number"),
        ({"temperature": 0}, WINDOW, "temperature=0: expected a number above 0"),
        ({"temperature": "warm"}, WINDOW, "temperature='warm'"),
        ({"k": 0}, WINDOW, "k=0: expected 1 to 968, the clusters of a window on grid 8x11x11"),
        ({"grid": 3, "k": 10}, FLAT, "k=10: expected 1 to 9, the clusters of a window on grid 3x3"),
    ],
)
def test_impossible_plans_are_explained(settings: dict, window: tuple[int, int, int], message: str) -> None:
    # also where the location is dense: a slip must not wait for the day it matters
    for plan in (settings, {"location": 10, **settings}):
        with pytest.raises(PlanError, match=message):
            parsed(plan, window)


def test_own_k_gives_way_to_a_coarse_grid() -> None:
    found = parsed({"location": 10, "grid": 3}, FLAT)
    assert found is not None and found.k == 9
    found = parsed({"location": 10}, FLAT, grid=(1, 6, 6), k=30, iterations=3, neighbourhood=7, temperature=0.5)
    assert found == Hourglass(2, 6, (1, 6, 6), 3, 7, 0.5, 30)


def test_ladder_goes_from_fine_to_coarse() -> None:
    assert ladder((1, 7, 7)) == ((1, 6, 6), (1, 5, 5), (1, 4, 4))
    assert ladder((8, 7, 7)) == ((8, 6, 6), (8, 5, 5), (4, 6, 6), (8, 4, 4), (4, 5, 5), (4, 4, 4))
    assert ladder((1, 1, 1)) == ((1, 1, 1),)
    for window in ((2, 6, 6), (8, 12, 12), (4, 3, 5)):
        counts = [math.prod(grid) for grid in ladder(window)]
        assert counts == sorted(counts, reverse=True) and counts[0] < math.prod(window)


ALL = {**VIDEO_SWIN, **HOURGLASS_SWIN}


@pytest.mark.parametrize("name", ALL)
def test_spaces_go_from_dense_to_sparsest(name: str) -> None:
    size = ALL[name]
    space, geometry = size.geometry.space(size.input_size), size.geometry
    total = sum(size.depths)
    first = sum(size.depths[:-2])
    assert space.names == ("location", "grid")
    assert space.knobs[0].values == (total, *range(total - size.depths[-1] - 1, first - 1, -1))
    dense = geometry.work({}, size.input_size)
    assert geometry.work(space.dense, size.input_size) == dense
    for knob in space.knobs:
        macs = [geometry.work({**space.sparsest, knob.name: value}, size.input_size).macs for value in knob.values]
        assert macs == sorted(macs, reverse=True), knob.name
    for plan in space:
        kept = [(block.kept, block.total) for block in geometry.work(plan, size.input_size).blocks]
        assert all(a <= b for a, b in kept)


def test_space_can_be_that_of_another_stage_and_starts_at_the_models_own_grid() -> None:
    geometry = HourglassGeometry(96, (2, 2, 6, 2), (1, 7, 7), (1, 4, 4), 1, Rules(False), Defaults((1, 5, 5)))
    assert geometry.space((448, 448), stage=1).knobs[0].values == (12, 3, 2)
    assert geometry.space((448, 448)).knobs[1].values == ("5x5", "4x4")


def test_maps_that_no_grid_shrinks_have_nothing_to_search() -> None:
    # one frame of a window of eight: clusters would be more than tokens
    geometry = VIDEO_SWIN["video_swin_tiny"].geometry
    space = replace(geometry, frames=1).space((32, 32))
    assert len(space) == 1 and space.dense["location"] == 12


@pytest.mark.parametrize(
    ("name", "plan", "macs"),
    [
        ("video_swin_tiny", {}, 88),
        ("video_swin_small", {}, 166),
        ("video_swin_base", {}, 281),
        ("video_swin_base_sthv2", {}, 320),
        ("video_swin_large", {}, 2106),
        ("video_swin_large", {"location": 10, "grid": "8x6x6"}, 1362),
        ("video_swin_large", {"location": 12, "grid": "8x6x6"}, 1491),
    ],
)
def test_published_multiply_adds(name: str, plan: dict, macs: float) -> None:
    # arXiv 2106.13230, tables 1 to 3; of the clustered rows those that count every layer once
    size = VIDEO_SWIN[name]
    assert size.geometry.work(plan, size.input_size).macs / 1e9 == pytest.approx(macs, abs=0.55)


def test_clustered_share_of_a_large_image() -> None:
    # 800 x 1333 pixels: 50 x 84 tokens in 5 x 7 windows, so 8 x 8 clusters are 2240 tokens and not 4/9 of 4200
    blocks = HOURGLASS_SWIN["hourglass_swin_large"].geometry.work({"location": 10, "grid": 8}, (800, 1333)).blocks
    assert (blocks[10].kept, blocks[10].total) == (2240, 4200)
    assert [b.sparse for b in blocks] == [False] * 10 + [True] * 12 + [False] * 2


@pytest.mark.parametrize("name", ALL)
def test_sizes_build_without_memory_and_agree_with_their_geometry(name: str) -> None:
    size = ALL[name]
    kind = VideoSwin if name in VIDEO_SWIN else HourglassSwin
    with torch.device("meta"):
        model = kind(**size.options).eval()
        frames = (8,) if kind is VideoSwin else ()
        plan = {"location": sum(size.depths) - size.depths[-1] - 1}
        outputs = model(torch.empty(1, 3, *frames, 64, 64), plan)
    assert model.geometry == size.geometry
    assert outputs[-1].shape == (1, size.embed_dims * 8, *(4,) * len(frames), 2, 2)
    assert getattr(model, "frames", None) == getattr(size, "frames", None)


def test_nano_of_clips_is_small() -> None:
    model = VideoSwin(**VIDEO_SWIN["video_swin_nano"].options)
    assert sum(p.numel() for p in model.parameters()) < 4e6


def test_planning_needs_no_torch() -> None:
    code = "import sys, models.hourglass_variants as v; v.VIDEO_SWIN['video_swin_large'].geometry.space((384, 384)); "
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)


def test_empty_input_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(frames, height, width\) \(32, 0, 224\) must be positive"):
        VIDEO_SWIN["video_swin_tiny"].geometry.work(Plan(), (0, 224))
