"""Windows as tables and their biases, against padding, rolling and slicing written out."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.hourglass_bias import cropped_table, relative_bias, resized_table
from models.hourglass_windows import into_windows, take, window_major, windows

CPU = torch.device("cpu")
Size = tuple[int, int, int]
NONE = (0, 0, 0)

CASES: list[tuple[Size, Size, Size, Size]] = [
    # size, window, shift, shift of the mask
    ((4, 6, 6), (2, 3, 3), NONE, NONE),
    ((4, 7, 5), (2, 3, 3), NONE, NONE),
    ((4, 7, 5), (2, 3, 3), (1, 1, 1), (1, 1, 1)),
    ((2, 12, 3), (2, 4, 3), (0, 2, 0), (0, 2, 0)),
    ((1, 9, 9), (1, 3, 3), (0, 1, 1), (0, 1, 1)),
    ((1, 8, 8), (1, 4, 4), (0, 2, 2), (0, 3, 3)),
    ((1, 6, 6), (1, 3, 3), (0, 1, 1), (0, 5, 5)),
    ((1, 4, 4), (1, 4, 4), (0, 2, 2), (0, 6, 6)),
    ((6, 2, 2), (2, 2, 2), NONE, NONE),
]


def partition(volume: Tensor, window: Size) -> Tensor:
    """(D, H, W, C) -> (n, T, C)."""
    counts = [length // side for length, side in zip(volume.shape[:3], window, strict=True)]
    cut = volume.view(counts[0], window[0], counts[1], window[1], counts[2], window[2], -1)
    return cut.permute(0, 2, 4, 1, 3, 5, 6).reshape(math.prod(counts), math.prod(window), -1)


def padded(size: Size, window: Size) -> Size:
    frames, rows, columns = (-(-length // side) * side for length, side in zip(size, window, strict=True))
    return frames, rows, columns


def textbook_masks(size: Size, window: Size, shift: Size) -> Tensor:
    """(n, T, T), by numbered regions of the map."""
    regions, number = torch.zeros(*padded(size, window), 1), 0
    slices = [(slice(0, -w), slice(-w, -s), slice(-s, None)) for w, s in zip(window, shift, strict=True)]
    for frames in slices[0]:
        for rows in slices[1]:
            for columns in slices[2]:
                regions[frames, rows, columns] = number
                number += 1
    label = partition(regions, window).squeeze(-1)
    return (label[:, :, None] != label[:, None, :]).float() * -100


@pytest.mark.parametrize(("size", "window", "shift", "mask_shift"), CASES)
def test_tables_pad_roll_and_cut(size: Size, window: Size, shift: Size, mask_shift: Size) -> None:
    x = torch.arange(1.0, math.prod(size) + 1).view(*size, 1)
    ends = [after - before for before, after in zip(size, padded(size, window), strict=True)]
    volume = F.pad(x, (0, 0, 0, ends[2], 0, ends[1], 0, ends[0]))
    expected = partition(volume.roll([-s for s in shift], (0, 1, 2)), window)
    nothing = torch.zeros(expected.shape[1], expected.shape[1])
    masks = textbook_masks(size, window, mask_shift) if any(shift) else [nothing] * len(expected)
    where = windows(size, window, shift, mask_shift, CPU)
    rows = into_windows(x.view(1, -1, 1), where, None)
    found = rows.view(where.total, where.tokens, 1)
    assert (where.outside is not None) == any(ends)
    # windows with equal masks lie together, so the order differs; a window and its mask belong together
    ours = [mask for count, mask in where.runs for _ in range(count)]
    assert len(ours) == len(expected) == where.total
    pairs = {tuple(window.flatten().tolist()): mask for window, mask in zip(expected, masks, strict=True)}
    for tokens, mask in zip(found, ours, strict=True):
        assert torch.equal(pairs[tuple(tokens.flatten().tolist())], nothing if mask is None else mask)
    assert torch.equal(take(rows, where.scatter).flatten(), x.flatten())


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("case", [case for case in CASES if padded(case[0], case[1]) == case[0]])
def test_window_major_tokens_meet_in_the_same_windows(case: tuple[Size, Size, Size, Size], batch: int) -> None:
    size, window, _, _ = case
    x = torch.randn(batch, math.prod(size), 2, generator=torch.Generator().manual_seed(0))
    plain = windows(size, window, NONE, NONE, CPU)
    row_major, cut = windows(*case, CPU), window_major(*case, CPU)
    lying = take(x, plain.gather)
    assert torch.equal(take(lying, cut.gather), take(x, row_major.gather))
    assert torch.equal(take(take(lying, cut.gather), cut.scatter), lying)
    for (ours, mine), (theirs, other) in zip(cut.runs, row_major.runs, strict=True):
        assert ours == theirs and (mine is other or torch.equal(mine, other))  # type: ignore[arg-type]


def test_blank_stands_where_windows_hang_over_the_border() -> None:
    where = windows((1, 2, 2), (1, 3, 3), NONE, NONE, CPU)
    rows = into_windows(torch.ones(1, 4, 1), where, torch.tensor([7.0]))
    assert rows.view(3, 3).tolist() == [[1, 1, 7], [1, 1, 7], [7, 7, 7]]


def textbook_bias(table: Tensor, trained: Size, window: Size) -> Tensor:
    places = [(d, h, w) for d in range(window[0]) for h in range(window[1]) for w in range(window[2])]
    grid = table.view(*(2 * side - 1 for side in trained), -1)
    rows = [
        [grid[tuple(a - b + side - 1 for a, b, side in zip(p, q, trained, strict=True))] for q in places]
        for p in places
    ]
    return torch.stack([torch.stack(row) for row in rows]).permute(2, 0, 1)


@pytest.mark.parametrize("window", [(2, 3, 4), (1, 3, 4), (2, 2, 3)])
def test_bias_of_a_clipped_window(window: Size) -> None:
    trained = (2, 3, 4)
    table = torch.randn(3 * 5 * 7, 2, generator=torch.Generator().manual_seed(0))
    exact = textbook_bias(table, trained, window)
    assert torch.equal(relative_bias(table, trained, window, "exact"), exact)
    assert torch.equal(relative_bias(cropped_table(table, trained, window), window, window, "exact"), exact)
    # the released rule takes the first tokens of the whole window: right where only frames are clipped
    prefix = relative_bias(table, trained, window, "prefix")
    tokens = math.prod(window)
    assert torch.equal(prefix, textbook_bias(table, trained, trained)[:, :tokens, :tokens])
    assert torch.equal(prefix, exact) == (window[1:] == trained[1:])


def test_resized_table_treats_every_axis_on_its_own() -> None:
    # a bias that is linear in the offsets stays so, at the right slope: offsets of 6 become those of 3, of 4 those of 2
    trained, window = (1, 6, 4), (1, 3, 2)
    rows, columns = torch.meshgrid(torch.arange(-5.0, 6), torch.arange(-3.0, 4), indexing="ij")
    table = (rows + 100 * columns).reshape(-1, 1)
    small = resized_table(table, trained, window).view(5, 3)
    row, column = 11 / 5, 7 / 3
    expected = torch.arange(-2.0, 3)[:, None] * row + 100 * torch.arange(-1.0, 2)[None, :] * column
    torch.testing.assert_close(small, expected)
    assert resized_table(table, trained, trained) is table
