"""Cutting a map into windows by picking rows equals padding, rolling and reshaping it."""

import pytest
import torch
import torch.nn.functional as F

from models.window_layout import cut, from_windows, to_windows, token_windows

CASES = [
    ((14, 14), 7, 0),
    ((14, 14), 7, 3),
    ((9, 20), 7, 0),
    ((9, 20), 7, 3),
    ((3, 5), 7, 3),
    ((8, 4), 4, 2),
    ((1, 1), 2, 1),
]


@pytest.mark.parametrize(("size", "side", "shift"), CASES)
def test_windows_equal_padding_rolling_and_reshaping(size: tuple[int, int], side: int, shift: int) -> None:
    height, width = size
    tokens = torch.randn(2, height * width, 3)
    padded = F.pad(tokens.view(2, height, width, 3), (0, 0, 0, -width % side, 0, -height % side))
    rolled = torch.roll(padded, (-shift, -shift), dims=(1, 2))
    expected = rolled.view(2, rolled.shape[1] // side, side, -1, side, 3).transpose(2, 3).reshape(2, -1, 3)
    assert torch.equal(to_windows(tokens, size, side, shift), expected)


@pytest.mark.parametrize(("size", "side", "shift"), CASES)
def test_putting_together_undoes_cutting(size: tuple[int, int], side: int, shift: int) -> None:
    tokens = torch.randn(3, size[0] * size[1], 2)
    assert torch.equal(from_windows(to_windows(tokens, size, side, shift), size, side, shift), tokens)


def test_every_token_knows_its_window() -> None:
    windows = token_windows(3, 5, 2, torch.device("cpu")).view(3, 5)
    assert windows.tolist() == [[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5]]


def test_images_are_cut_into_runs() -> None:
    assert cut(torch.arange(8.0).view(2, 4, 1), 2).flatten(1).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
