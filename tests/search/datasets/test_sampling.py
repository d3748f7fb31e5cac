"""Which frames a model sees: the published protocol, drawn as tables."""

import random

import pytest

from search.datasets.sampling import Sampling


@pytest.mark.parametrize(
    ("frames", "starts"),
    [
        (300, [29, 88, 148, 207]),  # a = (300 - 64 + 1) / 4 = 59.25; floor(i a + a / 2)
        (64, [0, 0, 0, 0]),  # a = 1/4: floor of 0.125 to 0.875
        (67, [0, 1, 2, 3]),  # a = 1
        (63, [0, 0, 0, 0]),  # too short: all at the start
        (1, [0, 0, 0, 0]),
    ],
)
def test_testing_clips_start_where_the_protocol_says(frames: int, starts: list[int]) -> None:
    clips = Sampling(32, 2, 4).for_testing(frames)
    assert [clip[0] for clip in clips] == starts
    assert all(len(clip) == 32 and min(clip) >= 0 and max(clip) < frames for clip in clips)


def test_frames_beyond_the_end_continue_at_the_beginning() -> None:
    assert Sampling(5, 2, 1).for_testing(4) == [[0, 2, 0, 2, 0]]
    assert Sampling(5, 2, 1).for_testing(7) == [[0, 2, 4, 6, 1]]


def test_uniform_clips_spread_over_the_video() -> None:
    # segments of 9 / 3 = 3 frames: (0, 3), (3, 6), (6, 9)
    assert Sampling(3, uniform=True).for_testing(10) == [[1, 4, 7]]
    drawn = Sampling(3, uniform=True).for_training(10, lambda below: below - 1)
    assert drawn == [[3, 6, 9]]


def test_training_clips_are_drawn_from_everywhere_a_whole_clip_fits() -> None:
    rng = random.Random(0)
    starts = {Sampling(4, 2, 1).for_training(12, rng.randrange)[0][0] for _ in range(200)}
    assert starts == set(range(12 - 8 + 1))
    assert Sampling(4, 2, 1).for_training(5, rng.randrange) == [[0, 2, 4, 1]]


def test_several_training_clips_lie_in_parts_of_their_own() -> None:
    rng = random.Random(0)
    for _ in range(50):
        first, second = (clip[0] for clip in Sampling(4, 2, 2).for_training(27, rng.randrange))
        assert 0 <= first < 10 <= second < 20


@pytest.mark.parametrize("wrong", [{"clip_len": 0}, {"num_clips": 0}, {"uniform": True, "num_clips": 2}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|num_clips=1"):
        Sampling(**wrong)
