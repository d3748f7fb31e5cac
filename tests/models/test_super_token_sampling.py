"""Cells, neighbours and associations, against definitions written out one element at a time."""

import pytest
import torch
from torch import Tensor

from models.super_token_sampling import (
    aggregate,
    associate,
    from_cells,
    gather_sent,
    neighbours,
    sample,
    spread,
    to_cells,
)

SIZES = [((4, 6), (2, 3)), ((5, 7), (2, 3)), ((3, 5), (8, 8)), ((7, 4), (1, 4)), ((6, 6), (6, 1))]


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("size", "cell"), SIZES)
def test_cells_hold_their_tokens_row_by_row_and_zeros_beyond_the_border(
    size: tuple[int, int], cell: tuple[int, int]
) -> None:
    x = numbers(2, *size, 3)
    cells = to_cells(x, cell)
    for row in range(cells.shape[1]):
        for column in range(cells.shape[2]):
            for place in range(cell[0] * cell[1]):
                y, left = row * cell[0] + place // cell[1], column * cell[1] + place % cell[1]
                inside = y < size[0] and left < size[1]
                expected = x[:, y, left] if inside else torch.zeros(2, 3, dtype=x.dtype)
                assert torch.equal(cells[:, row, column, place], expected)
    assert torch.equal(from_cells(cells, cell, size), x)


@pytest.mark.parametrize("size", [(3, 4), (1, 1), (1, 5), (2, 1)])
def test_neighbours_and_their_adjoint(size: tuple[int, int]) -> None:
    grid, sent = numbers(2, *size, 3), numbers(2, *size, 9, 3, seed=1)
    around = neighbours(grid)
    received = torch.zeros_like(grid)
    for y in range(size[0]):
        for x in range(size[1]):
            for k in range(9):
                to_y, to_x = y + k // 3 - 1, x + k % 3 - 1
                inside = 0 <= to_y < size[0] and 0 <= to_x < size[1]
                expected = grid[:, to_y, to_x] if inside else torch.zeros(2, 3, dtype=grid.dtype)
                assert torch.equal(around[:, y, x, k], expected)
                if inside:
                    received[:, to_y, to_x] += sent[:, y, x, k]
    torch.testing.assert_close(gather_sent(sent), received)


def test_neighbours_outside_the_grid_are_not_masked() -> None:
    # one cell alone: eight of nine neighbours are the zero vector, with a logit of 0 each
    cells, tokens = torch.full((1, 1, 1, 4, 2), 2.0), torch.full((1, 1, 1, 2), 3.0)
    logit = torch.tensor(2 * 3 * 2 / 2**0.5)
    own = logit.exp() / (logit.exp() + 8)
    association = associate(cells, tokens)
    torch.testing.assert_close(association[0, 0, 0, 4], own.expand(4))
    torch.testing.assert_close(association.sum(3), torch.ones(1, 1, 1, 4))
    # what was sent outside is lost, but a mean over the only cell stays a mean; on the way back the weight is missing
    torch.testing.assert_close(aggregate(cells, association), torch.full((1, 1, 1, 2), 2.0))
    torch.testing.assert_close(spread(tokens, association), own * torch.full((1, 1, 1, 4, 2), 3.0))


def test_padded_tokens_dilute_means_and_masses() -> None:
    # a map of one token in a cell of two: the padded one belongs to all nine neighbours alike
    cells = to_cells(torch.full((1, 1, 1, 1), 6.0), (1, 2))
    seen: dict[str, Tensor] = {}
    tokens, _ = sample(cells, 1, seen.__setitem__)
    torch.testing.assert_close(seen["association0"][0, 0, 0, :, 1], torch.full((9,), 1 / 9))
    own = seen["association0"][0, 0, 0, 4, 0]
    torch.testing.assert_close(own, torch.tensor(18.0).exp() / (torch.tensor(18.0).exp() + 8))
    torch.testing.assert_close(tokens.flatten(), (own * 6 / (own + 1 / 9)).view(1))


def test_every_round_starts_from_the_last() -> None:
    cells = numbers(1, 2, 2, 4, 3).float()
    seen: dict[str, Tensor] = {}
    tokens, last = sample(cells, 3, seen.__setitem__)
    assert list(seen) == ["association0", "association1", "association2"] and torch.equal(last, seen["association2"])
    again, _ = sample(cells, 2)
    torch.testing.assert_close(aggregate(cells, associate(cells, again)), tokens)


@pytest.mark.parametrize("iterations", [1, 2])
def test_gradient_flows_through_averaged_tokens_only(iterations: int) -> None:
    cells = numbers(1, 2, 3, 4, 5).float().requires_grad_()
    tokens, association = sample(cells, iterations)
    assert not association.requires_grad
    tokens.square().sum().backward()
    fixed = cells.detach().requires_grad_()
    aggregate(fixed, association).square().sum().backward()
    assert cells.grad is not None and fixed.grad is not None
    torch.testing.assert_close(cells.grad, fixed.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_masses_of_large_cells_keep_their_digits_in_half_precision(dtype: torch.dtype) -> None:
    # 1024 equal tokens: adding ones in half precision would stop counting at 256 (bfloat16) or 2048 (float16)
    cells = torch.ones(1, 2, 2, 1024, 4, dtype=dtype)
    tokens, association = sample(cells, 2)
    assert tokens.dtype == dtype and association.dtype == torch.float32
    torch.testing.assert_close(tokens.float(), torch.ones(1, 2, 2, 4), atol=0.02, rtol=0)
