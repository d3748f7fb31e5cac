"""Lists of clips: decoding, views, and what is said of broken lists and files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from samples.moving_digits import write_clip
from search.datasets import MovingDigits, VideoList
from search.datasets.decoding import read_frames
from search.errors import TargetError

NORMALIZE = {"type": "Normalize", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


def steps(frames: int, height: int = 32, width: int = 48) -> np.ndarray:
    """A clip whose n-th frame is grey of 10 n."""
    return np.repeat(np.arange(frames, dtype=np.uint8) * 10, height * width * 3).reshape(frames, height, width, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("videos")
    (made / "sub folder").mkdir()
    write_clip(made / "a.mp4", steps(12))
    write_clip(made / "sub folder" / "b c.mp4", steps(3))
    (made / "list.txt").write_text("a.mp4 2\n\nsub folder/b c.mp4 0\n")
    return made


def grey(frames: np.ndarray) -> list[int]:
    return [round(float(frame.mean()) / 10) for frame in frames]


def test_frames_are_found_by_number_in_any_order(folder: Path) -> None:
    found = read_frames(folder / "a.mp4", lambda count: [count - 1, 0, 5, 5])
    assert found.shape == (4, 32, 48, 3)
    assert grey(found) == [11, 0, 5, 5]


def test_training_sample_is_a_clip_and_testing_sample_all_views(folder: Path) -> None:
    sampling = {"clip_len": 4, "frame_interval": 2, "num_clips": 1}
    clip = VideoList(str(folder / "list.txt"), sampling, [{"type": "CenterCrop", "size": 16}, NORMALIZE])[0]
    assert clip["img"].data.shape == (3, 4, 16, 16)
    assert int(clip["gt_label"].data) == 2
    views = VideoList(
        str(folder / "list.txt"),
        {"clip_len": 4, "frame_interval": 2, "num_clips": 2},
        [{"type": "Resize", "size": 24}, {"type": "ThreeCrops", "size": 24}, NORMALIZE],
        test_mode=True,
    )[0]
    assert views["img"].data.shape == (6, 3, 4, 24, 24)
    # clips of a = (12 - 8 + 1) / 2 = 2.5: they start at 1 and 3, and are seen in each of the three crops
    firsts = [round(float(view[0, 0].mean()) / 10) for view in views["img"].data]
    assert firsts == [1, 3, 1, 3, 1, 3]


def test_short_video_wraps(folder: Path) -> None:
    data = VideoList(
        str(folder / "list.txt"), {"clip_len": 4, "frame_interval": 1, "num_clips": 1}, [NORMALIZE], test_mode=True
    )
    assert grey(data.decode(1)[0].numpy()) == [0, 1, 2, 0]


def test_classes_are_counted_or_given(folder: Path) -> None:
    made = VideoList(str(folder / "list.txt"), {}, [NORMALIZE])
    assert made.CLASSES == ("0", "1", "2")
    assert len(VideoList(str(folder / "list.txt"), {}, [NORMALIZE], num_classes=400).CLASSES) == 400
    with pytest.raises(TargetError, match="has label 2, but there are 2 classes"):
        VideoList(str(folder / "list.txt"), {}, [NORMALIZE], classes=["x", "y"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.mp4 1\na.mp4\n", r"line 2: expected `path label`"),
        ("a.mp4 x\n", r"line 1: expected"),
        ("a.mp4 -1\n", r"line 1: expected"),
        ("\n", "is empty"),
    ],
)
def test_broken_list_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "broken.txt").write_text(text)
    with pytest.raises(TargetError, match=message) as caught:
        VideoList(str(tmp_path / "broken.txt"), {}, [NORMALIZE])
    assert "broken.txt" in str(caught.value)


def test_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"none\.txt cannot be read"):
        VideoList(str(tmp_path / "none.txt"), {}, [NORMALIZE])


def test_missing_and_corrupt_videos_are_named(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "a.mp4").read_bytes()
    files = {"text.mp4": b"no video", "empty.mp4": b"", "half.mp4": whole[: len(whole) // 2]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TargetError, match=rf"video .*{name} cannot be decoded") as caught:
            read_frames(tmp_path / name, lambda count: [0])
        assert "copy it again" in str(caught.value)
    with pytest.raises(TargetError, match=r"gone\.mp4 is missing"):
        read_frames(tmp_path / "gone.mp4", lambda count: [0])


def test_header_that_promises_too_many_frames_wraps_at_the_real_end(folder: Path) -> None:
    found = read_frames(folder / "sub folder" / "b c.mp4", lambda count: [0, 7])
    assert grey(found) == [0, 7 % 3]


def test_bad_sampling_is_explained(folder: Path) -> None:
    with pytest.raises(TargetError, match="clip_len"):
        VideoList(str(folder / "list.txt"), {"clip_len": 0}, [NORMALIZE])
    with pytest.raises(TargetError, match="sampling="):
        VideoList(str(folder / "list.txt"), {"clips": 3}, [NORMALIZE])


def test_built_in_clips_are_written_on_demand(tmp_path: Path) -> None:
    sampling = {"clip_len": 4, "frame_interval": 2, "num_clips": 1}
    data = MovingDigits("search", sampling, [NORMALIZE], clips=2, frames=8, size=32, root=str(tmp_path), test_mode=True)
    assert (len(data), len(data.CLASSES)) == (2, 8)
    assert data[1]["img"].data.shape == (1, 3, 4, 32, 32)
    assert torch.isfinite(data[1]["img"].data).all()
