"""How large test images are, read off a pipeline."""

from typing import Any

import pytest

from search.pipelines import input_size, steps
from search.targets import BUILTIN
from search.training import read_config


def flipped(img_scale: Any, *inside: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "LoadImageFromFile"}, {"type": "MultiScaleFlipAug", "img_scale": img_scale, "transforms": inside}]


PAD = {"type": "Pad", "size_divisor": 32}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"pipeline": flipped((672, 448))}, (448, 672)),
        ({"pipeline": flipped((1333, 800), {"type": "Resize"}, PAD)}, (800, 1344)),
        ({"pipeline": flipped([(1333, 800), (2000, 1200)], PAD)}, (800, 1344)),
        ({"pipeline": [{"type": "Resize", "img_scale": (640, 480)}]}, (480, 640)),
        ({"pipeline": [{"type": "Resize", "size": 256}, {"type": "CenterCrop", "size": 224}]}, (224, 224)),
        ({"pipeline": [{"type": "Resize", "size": [96, 128]}, {"type": "Normalize"}]}, (96, 128)),
        ({"size": 64, "pipeline": [{"type": "Normalize"}]}, (64, 64)),
        ({"size": (64, 96), "pipeline": flipped((224, 224))}, (224, 224)),
        ({"pipeline": flipped(None, PAD)}, None),
        ({"pipeline": [{"type": "Normalize"}]}, None),
        ({}, None),
    ],
)
def test_the_last_length_counts(data: dict[str, Any], expected: tuple[int, int] | None) -> None:
    assert input_size(data) == expected


def test_steps_inside_steps_come_after_them() -> None:
    assert list(steps(flipped((1, 1), PAD)))[1:] == [{**flipped((1, 1), PAD)[1]}, PAD]


def test_built_in_targets_are_timed_at_the_size_they_are_tested_at() -> None:
    real = {name: target for name, target in BUILTIN.items() if target.config is not None}
    assert len(real) == 7
    for target in real.values():
        assert target.config is not None
        assert input_size(read_config(target.config).data.test) == target.input_size
