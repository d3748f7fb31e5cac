"""Transforms: what a config may say, and that frames of a clip are treated alike."""

from typing import Any

import pytest
import torch
from torch import Tensor

from search.datasets.transforms import STEPS, FiveViews, Pipeline, RandAugment, ThreeCrops
from search.errors import TargetError

NORMALIZE = {"type": "Normalize", "mean": [100.0, 110.0, 120.0], "std": [50.0, 60.0, 70.0]}


def picture(*shape: int) -> Tensor:
    return torch.randint(0, 256, (*shape,), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_normalise_subtracts_and_divides_in_units_of_pixels() -> None:
    x = picture(2, 3, 4, 5)
    y = Pipeline([NORMALIZE])(x)
    assert y.dtype == torch.float32
    assert y[1, 2, 3, 4] == (x[1, 2, 3, 4].float() - 120) / 70


def test_pixels_stay_bytes_and_finish_makes_the_rest() -> None:
    pipeline = Pipeline(
        [{"type": "Resize", "size": 8, "interpolation": "bicubic"}, {"type": "CenterCrop", "size": 8}, NORMALIZE]
    )
    pixels = pipeline.pixels(picture(3, 16, 24))
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (3, 8, 8))
    assert torch.equal(pipeline.finish(pixels), pipeline(picture(3, 16, 24)))


@pytest.mark.parametrize(
    "step",
    [
        {"type": "RandomResizedCrop", "size": 12, "interpolation": "bicubic"},
        {"type": "RandomHorizontalFlip"},
        {"type": "ColorJitter", "brightness": 0.4},
        {"type": "RandAugment", "num_ops": 4, "magnitude": 7},
    ],
)
def test_random_steps_treat_the_frames_of_a_clip_alike(step: dict[str, Any]) -> None:
    frame = picture(3, 16, 16)
    pipeline = Pipeline([step, NORMALIZE])
    for seed in range(8):
        torch.manual_seed(seed)
        clip = pipeline(frame.expand(4, 3, 16, 16))
        assert all(torch.equal(clip[0], one) for one in clip)


def test_random_erasing_comes_after_normalising() -> None:
    torch.manual_seed(0)
    erased = Pipeline([NORMALIZE, {"type": "RandomErasing", "p": 1.0, "value": "random"}])(picture(3, 32, 32))
    assert (erased != Pipeline([NORMALIZE])(picture(3, 32, 32))).any()


@pytest.mark.parametrize(
    ("shape", "places"), [((3, 6, 10), [(0, 0), (0, 4), (0, 2)]), ((3, 9, 6), [(0, 0), (3, 0), (1, 0)])]
)
def test_three_crops_lie_at_the_ends_and_in_the_middle(shape: tuple[int, ...], places: list[tuple[int, int]]) -> None:
    x = picture(*shape)
    crops = ThreeCrops(6)(x)
    for crop, (top, left) in zip(crops, places, strict=True):
        assert torch.equal(crop, x[:, top : top + 6, left : left + 6])


def test_five_views_have_the_whole_frame_and_the_middle_twice() -> None:
    views = FiveViews(6)(picture(2, 3, 6, 10))
    assert views.shape == (5, 2, 3, 6, 6)
    assert torch.equal(views[2], views[4])
    # squashed: the means of rows agree with those of the whole frame
    assert (views[3].float().mean((1, 2, 3)) - picture(2, 3, 6, 10).float().mean((1, 2, 3))).abs().max() < 6


def test_strength_of_augmentation_is_noisy_around_its_mean() -> None:
    drawn: list[int] = []
    augment = RandAugment(num_ops=1, magnitude=9, std=0.5)
    augment._steps = [lambda x, place=place: (drawn.append(place), x)[1] for place in range(31)]
    torch.manual_seed(0)
    for _ in range(200):
        augment(picture(3, 4, 4))
    assert 26 < sum(drawn) / len(drawn) < 28  # nine tenths of 30
    assert len(set(drawn)) > 4 and max(drawn) <= 30


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (
            [{"type": "LoadImageFromFile"}, NORMALIZE],
            f"'LoadImageFromFile' is unknown; choose one of {', '.join(STEPS)}",
        ),
        ([{"type": "CenterCrop", "size": 8}], "exactly one Normalize"),
        ([NORMALIZE, NORMALIZE], "exactly one Normalize"),
        ([{"type": "Resize", "sise": 8}, NORMALIZE], "cannot be built"),
        ([{"type": "Resize", "size": 8, "interpolation": "cubical"}, NORMALIZE], "cannot be built"),
    ],
)
def test_configs_that_make_no_sense_are_refused(specs: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Pipeline(specs)
