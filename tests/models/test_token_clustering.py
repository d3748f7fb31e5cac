"""Soft clustering of windows and the way back: truth tables, degenerate inputs, gradients, precision."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.token_clustering import (
    Clustering,
    association,
    cluster,
    membership,
    pooled,
    reconstruct,
    reconstruction,
)
from models.token_clustering_candidates import candidates, cell_means, cluster_numbers

CPU = torch.device("cpu")
HOW = Clustering((2, 6, 6), (2, 3, 3), iterations=4, neighbourhood=3, temperature=0.1, k=5)


def tokens(windows: int = 3, count: int = 72, channels: int = 8, scale: float = 1.0) -> Tensor:
    return torch.randn(windows, count, channels, generator=torch.Generator().manual_seed(0)) * scale


def textbook_cluster(x: Tensor, how: Clustering) -> Tensor:
    """One window at a time, distances as they are written in the paper, candidates by two loops."""
    result = []
    table, _ = candidates(how.window, how.grid, how.neighbourhood, how.label_map, CPU)
    for window in x:
        volume = window.t().reshape(-1, *how.window)
        clusters = F.adaptive_avg_pool3d(volume, how.grid).flatten(1).t()
        for _ in range(how.iterations):
            distance = (window[:, None] - clusters[None]).square().sum(-1)
            distance = distance + 1e16 * (table != 0)
            shares = torch.softmax(-how.temperature * distance, dim=1)
            clusters = (shares.t() @ window) / shares.sum(0).clamp_min(1e-16)[:, None]
        result.append(clusters)
    return torch.stack(result)


def textbook_reconstruct(z: Tensor, x: Tensor, clusters: Tensor, how: Clustering) -> Tensor:
    weights = torch.exp(-how.temperature * (x[:, :, None] - clusters[:, None]).square().sum(-1))
    kept = torch.zeros_like(weights)
    for window, token in itertools.product(range(x.shape[0]), range(x.shape[1])):
        row = weights[window, token]
        least = sorted(row.tolist(), reverse=True)[how.k - 1]
        kept[window, token] = torch.where(row >= least, row, 0)
    scale = kept.square().sum(-1, keepdim=True).sqrt() if how.row_norm == "l2" else kept.sum(-1, keepdim=True)
    return (kept / scale) @ z


@pytest.mark.parametrize("row_norm", ["l2", "sum"])
@pytest.mark.parametrize("label_map", ["nearest", "trilinear"])
def test_equals_the_equations_written_out(label_map: str, row_norm: str) -> None:
    how, x = replace(HOW, label_map=label_map, row_norm=row_norm), tokens()  # type: ignore[arg-type]
    clusters = cluster(x, how)
    torch.testing.assert_close(clusters, textbook_cluster(x, how), atol=1e-5, rtol=1e-5)
    z = torch.randn(clusters.shape, generator=torch.Generator().manual_seed(1))
    mine, theirs = reconstruct(z, x, clusters, how), textbook_reconstruct(z, x, clusters, how)
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("window", "grid"), [((8, 7, 7), (8, 4, 4)), ((1, 12, 12), (1, 7, 7)), ((3, 5, 4), (2, 3, 4))])
def test_cells_are_those_of_adaptive_pooling(window: tuple[int, int, int], grid: tuple[int, int, int]) -> None:
    x = tokens(2, math.prod(window), 4)
    theirs = F.adaptive_avg_pool3d(x.mT.reshape(2, 4, *window), grid).flatten(2).mT
    torch.testing.assert_close(pooled(x, replace(HOW, window=window, grid=grid)), theirs)
    torch.testing.assert_close(cell_means(window, grid, CPU).sum(1), torch.ones(math.prod(grid)))


def test_no_iterations_leave_the_means_of_the_cells() -> None:
    x = tokens()
    assert torch.equal(cluster(x, replace(HOW, iterations=0)), pooled(x, HOW))


def test_nearest_candidates_are_the_block_of_cells_around_a_token() -> None:
    # one frame, 4 x 4 tokens, 2 x 2 clusters, the cell itself: token (row, column) belongs to cluster (row/2, column/2)
    table, orphans = candidates((1, 4, 4), (1, 2, 2), 1, "nearest", CPU)
    own = table.eq(0).float().argmax(1).view(4, 4)
    assert own.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert table.eq(0).sum() == 16 and not orphans.any()
    # 6 x 6 clusters of 12 x 12: 3 x 3 cells around an inner token, 2 x 2 in a corner
    counts = candidates((1, 12, 12), (1, 6, 6), 3, "nearest", CPU)[0].eq(0).sum(1).view(12, 12)
    assert counts[0, 0] == 4 and counts[0, 5] == 6 and counts[5, 5] == 9


def test_interpolated_numbers_mix_rows_and_columns() -> None:
    # the token between two rows of clusters gets half a row more: half a row is another column
    numbers = cluster_numbers((1, 4, 2), (1, 2, 2), "trilinear").view(4, 2)
    assert numbers.tolist() == [[0, 1], [0.5, 1.5], [1.5, 2.5], [2, 3]]
    interpolated, nearest = (
        candidates((1, 12, 12), (1, 6, 6), 5, label_map, CPU)[0] == 0  # type: ignore[arg-type]
        for label_map in ("trilinear", "nearest")
    )
    assert interpolated.float().mean().item() == pytest.approx(0.37, abs=0.005)
    assert ((interpolated & nearest).sum() / nearest.sum()).item() == pytest.approx(0.58, abs=0.005)
    images, _ = candidates((1, 12, 12), (1, 8, 8), 5, "nearest", CPU)
    assert images.eq(0).float().mean().item() == pytest.approx(0.28, abs=0.005)


def test_orphans_exist_only_in_the_smallest_neighbourhood() -> None:
    found = {1: 0, 3: 0}
    for side, cells in ((s, c) for s in range(2, 13) for c in range(1, s)):
        for label_map, neighbourhood in itertools.product(("trilinear", "nearest"), (1, 3)):
            _, orphans = candidates((1, side, side), (1, cells, cells), neighbourhood, label_map, CPU)  # type: ignore[arg-type]
            found[neighbourhood] += int(orphans.sum())
            assert label_map == "trilinear" or not orphans.any()
    assert found[1] > 0 and found[3] == 0


def test_a_token_without_candidates_joins_all_clusters_equally() -> None:
    how = replace(HOW, window=(1, 6, 6), grid=(1, 4, 4), neighbourhood=1, label_map="trilinear")
    _, orphans = candidates(how.window, how.grid, 1, "trilinear", CPU)
    x = tokens(2, 36)
    shares = association(x, pooled(x, how), how)
    assert orphans.any() and torch.isfinite(cluster(x, how)).all()
    assert (shares[:, orphans[:, 0]] == 1 / 16).all()
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 36))


def test_equal_clusters_are_all_kept() -> None:
    # padding makes clusters of zeros: which of them is kept must not depend on their order
    how = replace(HOW, window=(1, 4, 4), grid=(1, 2, 2), k=1)
    x = torch.zeros(1, 16, 3)
    weights = reconstruction(x, cluster(x, how), how)
    assert torch.equal(weights, torch.full((1, 16, 4), 0.5))
    assert torch.equal(reconstruction(x, cluster(x, how), replace(how, row_norm="sum")), torch.full((1, 16, 4), 0.25))


def test_weights_that_vanish_give_zero_not_nan() -> None:
    how = replace(HOW, temperature=1e6)
    x = tokens()
    weights = reconstruction(x, cluster(x, how) + 100, how)
    assert torch.equal(weights, torch.zeros_like(weights))


@pytest.mark.parametrize("k", [1, 4, 18])
def test_every_token_keeps_k_clusters(k: int) -> None:
    how, x = replace(HOW, k=k), tokens()
    weights = reconstruction(x, cluster(x, how), how)
    assert (weights > 0).sum(-1).unique().tolist() == [k]
    torch.testing.assert_close(weights.square().sum(-1), torch.ones(3, 72))


def test_windows_do_not_influence_each_other() -> None:
    x = tokens()
    together = cluster(x, HOW)
    torch.testing.assert_close(cluster(x[1:2], HOW), together[1:2])


def test_gradients_pass_through_values_and_weights_but_not_through_associations() -> None:
    x = tokens(1).requires_grad_()
    how = replace(HOW, iterations=1)
    shares = association(x.detach(), pooled(x.detach(), how), how)
    (expected,) = torch.autograd.grad(((shares.mT @ x) / shares.sum(1).unsqueeze(-1)).square().sum(), x)
    (found,) = torch.autograd.grad(cluster(x, how).square().sum(), x)
    torch.testing.assert_close(found, expected)
    clusters = cluster(x.detach(), how)
    (through_weights,) = torch.autograd.grad(reconstruct(clusters, x, clusters, how).square().sum(), x)
    assert through_weights.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype: torch.dtype) -> None:
    # squares of these would overflow float16
    x = tokens(scale=100.0).to(dtype)
    how = replace(HOW, temperature=1e-5)
    clusters = cluster(x, how)
    assert clusters.dtype == torch.float32 and torch.equal(clusters, cluster(x.float(), how))
    spread = reconstruct(clusters.to(dtype), x, clusters, how)
    assert spread.dtype == dtype and torch.isfinite(spread).all()


def test_autocast_does_not_reach_inside() -> None:
    x = tokens()
    with torch.autocast("cpu", torch.bfloat16):
        inside = cluster(x, HOW)
        spread = reconstruct(inside, x, inside, HOW)
    assert torch.equal(inside, cluster(x, HOW))
    assert torch.equal(spread, reconstruct(inside, x, inside, HOW))


def test_membership_is_the_largest_share() -> None:
    x = tokens()
    clusters = cluster(x, HOW)
    assert torch.equal(membership(x, clusters, HOW), association(x, clusters, HOW).argmax(-1))
    # a token may only belong to a candidate
    table, _ = candidates(HOW.window, HOW.grid, HOW.neighbourhood, HOW.label_map, CPU)
    own = membership(x, clusters, HOW)
    assert (table[torch.arange(72).expand(3, -1), own] == 0).all()
