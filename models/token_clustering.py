"""Soft clustering of the tokens of a window, and the way back: two pure functions without a parameter.

Tokens gather around a few clusters; blocks then refine the clusters instead of the tokens; reconstruction spreads the
refined clusters over the tokens, by how close each token was to each cluster before they were refined. All of it is
computed in float32, whatever goes in: squared norms overflow half precision.

Letters: G windows, N tokens and M clusters in a window, C channels.
Source: arXiv 2210.01035, section 3.2, equations 1 to 4; where the released code differs, it is followed.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.hourglass_plan import Size
from models.hourglass_rules import LabelMap, RowNorm
from models.token_clustering_candidates import candidates, cell_means


@dataclass(frozen=True, slots=True)
class Clustering:
    """How the tokens of a window are clustered.

    Args:
        window: (frames, rows, columns) of tokens, N in all.
        grid: (frames, rows, columns) of clusters, M in all; no axis larger than the window's.
        iterations: rounds of association; 0 leaves the means of the cells.
        neighbourhood: side of the block of cells whose clusters a token may join; odd.
        temperature: factor on squared distances, of clustering and of reconstruction.
        k: clusters that each token is reconstructed from, 1..M; more where weights are equal.
        label_map, row_norm: see `models.hourglass_rules`.
    """

    window: Size
    grid: Size
    iterations: int
    neighbourhood: int
    temperature: float
    k: int
    label_map: LabelMap = "nearest"
    row_norm: RowNorm = "l2"


def cluster(tokens: Tensor, how: Clustering) -> Tensor:
    """Tokens to clusters: (G, N, C) -> (G, M, C) in float32.

    Gradients pass through the tokens that a cluster averages, not through how much it takes of each.
    """
    with _without_autocast(tokens.device):
        tokens = tokens.float()
        clusters = pooled(tokens, how)
        for _ in range(how.iterations):
            shares = association(tokens.detach(), clusters.detach(), how)
            clusters = (shares.mT @ tokens) / shares.sum(dim=1).clamp_min(1e-16).unsqueeze(-1)
        return clusters


def pooled(tokens: Tensor, how: Clustering) -> Tensor:
    """The mean of each cell of the grid, where clusters start: (G, N, C) -> (G, M, C)."""
    return cell_means(how.window, how.grid, tokens.device) @ tokens


def association(tokens: Tensor, clusters: Tensor, how: Clustering) -> Tensor:
    """The share of each token in each cluster, (G, N, M); the shares of a token sum to 1.

    A softmax over -T * |token - cluster|^2. The token's own square is the same for all clusters and left out.
    """
    table, orphans = candidates(how.window, how.grid, how.neighbourhood, how.label_map, tokens.device)
    squares = clusters.square().sum(dim=-1).unsqueeze(1)
    logits = torch.baddbmm(table - how.temperature * squares, tokens, clusters.mT, alpha=2 * how.temperature)
    shares = logits.softmax(dim=-1)
    if how.neighbourhood == 1:
        shares = torch.where(orphans, 1 / table.shape[1], shares)
    return shares


def reconstruct(refined: Tensor, tokens: Tensor, clusters: Tensor, how: Clustering) -> Tensor:
    """Refined clusters to tokens: (G, M, C) -> (G, N, C), in the precision of `refined`.

    Args:
        refined: what the blocks made of the clusters.
        tokens: what went into `cluster`.
        clusters: what came out of it.
    """
    with _without_autocast(tokens.device):
        return (reconstruction(tokens.float(), clusters.float(), how) @ refined.float()).to(refined.dtype)


def reconstruction(tokens: Tensor, clusters: Tensor, how: Clustering) -> Tensor:
    """The weight of each cluster in each token, (G, N, M): the k largest of exp(-T * |token - cluster|^2), scaled."""
    squares = tokens.square().sum(dim=-1, keepdim=True) + clusters.square().sum(dim=-1).unsqueeze(1)
    distances = torch.baddbmm(squares, tokens, clusters.mT, alpha=-2).clamp_min(0)
    weights = torch.exp(-how.temperature * distances)
    if how.k < weights.shape[-1]:
        # equal weights all stay: clusters of padding are exactly equal, and none of them is the better one
        least = weights.detach().topk(how.k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)
        weights = torch.where(weights.detach() >= least, weights, 0.0)
    if how.row_norm == "l2":
        return F.normalize(weights, dim=-1, eps=1e-12)
    return weights / weights.sum(dim=-1, keepdim=True).clamp_min(1e-12)


def membership(tokens: Tensor, clusters: Tensor, how: Clustering) -> Tensor:
    """The cluster that each token belongs to most, (G, N), int64; for pictures."""
    return association(tokens.detach().float(), clusters.detach().float(), how).argmax(dim=-1)


def _without_autocast(device: torch.device) -> AbstractContextManager[object]:
    # the meta device has no autocast to switch off
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)
