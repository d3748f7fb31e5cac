"""The built-in clips: real video files with the motion their label says, the same bytes for the same recipe."""

from pathlib import Path as FilePath

import av
import numpy as np
import pytest

from samples.digit_glyphs import split_scans
from samples.digits import SHARES
from samples.errors import SampleError
from samples.moving_digit_clips import MOTIONS, Path, _opacity, draw_clip, draw_path
from samples.moving_digits import ClipRecipe, ensure_moving_digits, main, write_clip
from samples.photos import split_photos
from tests.samples.test_digits import files

SMALL = ClipRecipe(train=3, search=2, confirm=0, report=1, frames=6, size=32)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> FilePath:
    return ensure_moving_digits(SMALL, tmp_path_factory.mktemp("clips"))


def test_same_recipe_gives_the_same_bytes(written: FilePath, tmp_path: FilePath) -> None:
    assert files(ensure_moving_digits(SMALL, tmp_path)) == files(written)
    assert len(files(written)) == 3 + 2 + 1 + 3 + 1


def test_lists_name_the_clips_and_their_motions(written: FilePath) -> None:
    for split, clips in (("train", 3), ("search", 2), ("report", 1)):
        lines = (written / f"{split}.txt").read_text().splitlines()
        assert len(lines) == clips
        for line in lines:
            name, label = line.split()
            assert (written / name).is_file()
            assert 0 <= int(label) < len(MOTIONS)
    assert not (written / "confirm.txt").exists()


def test_clips_are_encoded_videos_close_to_what_was_drawn(tmp_path: FilePath) -> None:
    scans, bands = split_scans(SHARES, np.random.default_rng(0))["train"], split_photos(SHARES)["train"]
    clip = draw_clip(scans, bands, 1, 8, 64, np.random.default_rng(0))
    write_clip(tmp_path / "clip.mp4", clip)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "mpeg4"
        assert stream.frames == 8
        decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
    assert decoded.shape == clip.shape
    # colours are stored at half the resolution, so edges differ; the picture does not
    assert np.abs(decoded.astype(float) - clip).mean() < 8
    assert (tmp_path / "clip.mp4").stat().st_size < clip.nbytes / 4


def test_clip_n_is_the_same_for_any_number_of_clips(written: FilePath, tmp_path: FilePath) -> None:
    fewer = ensure_moving_digits(ClipRecipe.of_split("train", 1, 6, 32), tmp_path)
    assert files(fewer)["train/00001.mp4"] == files(written)["train/00001.mp4"]


@pytest.mark.parametrize(("motion", "axis", "sign"), [("left", 1, -1), ("right", 1, 1), ("up", 0, -1), ("down", 0, 1)])
def test_shifts_go_where_they_say(motion: str, axis: int, sign: int) -> None:
    path = draw_path(motion, 16, 64, np.random.default_rng(3))
    moved = path.centre[-1] - path.centre[0]
    assert sign * moved[axis] > 8 > 2 * abs(moved[1 - axis])
    assert abs(np.log(path.side[-1] / path.side[0])) < 0.1


@pytest.mark.parametrize(("motion", "sign"), [("clockwise", 1), ("counterclockwise", -1)])
def test_turns_go_where_they_say(motion: str, sign: int) -> None:
    path = draw_path(motion, 16, 64, np.random.default_rng(5))
    assert sign * (path.angle[-1] - path.angle[0]) > np.deg2rad(45)


def test_a_growing_angle_turns_clockwise_on_the_picture() -> None:
    """What was above the centre goes to the right of it."""
    scan = np.zeros((12, 12))
    scan[1:4, 4:8] = 1.0  # a spot above the middle
    quarter = Path(np.full((2, 2), 32.0), np.array([0.0, np.pi / 2]), np.full(2, 40.0))
    places = []
    for moment in range(2):
        rows, columns = np.nonzero(_opacity(scan, quarter, moment, 64) > 0.5)
        places.append((rows.mean() - 32, columns.mean() - 32))
    assert places[0][0] < -8 and abs(places[0][1]) < 2
    assert abs(places[1][0]) < 2 and places[1][1] > 8


@pytest.mark.parametrize(("motion", "sign"), [("grow", 1), ("shrink", -1)])
def test_growth_goes_where_it_says(motion: str, sign: int) -> None:
    path = draw_path(motion, 16, 64, np.random.default_rng(7))
    assert sign * np.log(path.side[-1] / path.side[0]) > 0.3


def test_no_single_frame_gives_the_motion_away() -> None:
    """The middle frame is drawn alike for every motion: places, sizes and angles have equal means."""
    middles = {
        motion: np.array(
            [
                (*path.centre[8], path.side[8])
                for path in (draw_path(motion, 17, 64, np.random.default_rng(seed)) for seed in range(200))
            ]
        )
        for motion in MOTIONS
    }
    means = np.stack([one.mean(0) for one in middles.values()])
    assert np.ptp(means, axis=0).max() < 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [({"size": 31}, "even"), ({"frames": 1}, "at least 2"), ({"train": -1}, "0 or more")],
)
def test_recipes_that_make_no_sense_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        ClipRecipe(**{"train": 1, "search": 0, "confirm": 0, "report": 0, **change})


def test_command_line_explains_a_refusal(tmp_path: FilePath, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "a"), "--size", "33"]) == 2
    assert "must be even" in capsys.readouterr().err
