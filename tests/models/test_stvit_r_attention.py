"""Attention to keys that are projected once equals attention to key windows that are cut out, whatever the path."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.stvit_r_attention import attend
from models.stvit_r_geometry import SemanticGrid
from models.stvit_r_reach import Mask, Reach
from models.stvit_r_tables import patches
from models.window_layout import from_windows, to_windows

HEADS, CHANNELS = 2, 8
MASKS: tuple[Mask, ...] = ("original", "exact", "none")


def original_mask(reach: Reach) -> Tensor:
    """(n, k*k) additive mask, by padding and unfolding as the released code does."""
    height, width = reach.down * reach.step, reach.across * reach.step
    mask = torch.zeros(1, 1, height, width)
    mask[
        ..., max(height - reach.bottom, 0) if reach.bottom else 0 :, max(width - reach.right, 0) if reach.right else 0 :
    ] = -1000
    before, after = reach.before, -((reach.step - reach.size) // 2)
    padded = F.pad(mask, (before, after, before, after), value=-1000)
    return F.unfold(padded, reach.size, stride=reach.step)[0].t()


def unfolded(query: Tensor, keys: Tensor, reach: Reach, mask: Tensor) -> Tensor:
    """The definition: windows of queries, patches of projected keys, softmax; (B, Q, C) in double precision."""
    images = query.shape[0]
    side, size = reach.query_side, (reach.query_rows, reach.query_columns)
    windows = query if reach.window_major else to_windows(query, size, side, 0)
    windows = windows.view(images, reach.windows, side**2, HEADS, -1)
    seen = keys[:, patches(reach, query.device).place].unflatten(-1, (2, HEADS, -1))
    logits = torch.einsum("bnqhd,bnkhd->bnhqk", windows, seen[..., 0, :, :]) / math.sqrt(CHANNELS / HEADS)
    weights = (logits + mask[:, None, None, :].double()).softmax(-1)
    mixed = torch.einsum("bnhqk,bnkhd->bnqhd", weights, seen[..., 1, :, :]).reshape(images, -1, CHANNELS)
    return mixed if reach.window_major else from_windows(mixed, size, side, 0)


def cases() -> list[Reach]:
    found = []
    for height, width in [(14, 14), (9, 14), (14, 9), (6, 9), (4, 4), (22, 30)]:
        grid = SemanticGrid(height, width, 7)
        for s, k, kr in [(3, 14, 27), (3, 21, 9), (1, 5, 4), (4, 13, 4)]:
            found += [grid.generate(s, k, "original"), grid.recover(s, kr, "original")]
    return found


@pytest.mark.parametrize("gathered", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_equals_cutting_key_windows_out(mask: Mask, gathered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reach, "gathered", gathered)
    generator = torch.Generator().manual_seed(0)
    count = 0
    for case in cases():
        reach = replace(case, mask=mask)
        queries = reach.query_rows * reach.query_columns
        query = torch.randn(2, queries, CHANNELS, generator=generator, dtype=torch.float64)
        keys = torch.randn(2, reach.rows * reach.columns + 1, 2 * CHANNELS, generator=generator, dtype=torch.float64)
        if mask == "original":
            additive = original_mask(reach)
        else:
            outside = patches(reach, query.device).place == reach.rows * reach.columns
            additive = -1000.0 * (outside & (mask == "exact"))
        torch.testing.assert_close(attend(query, keys, HEADS, reach), unfolded(query, keys, reach, additive))
        count += 1
    assert count == 48


def test_mask_of_the_original_is_reproduced_place_by_place() -> None:
    for reach in cases():
        assert torch.equal(patches(reach, torch.device("cpu")).hidden, original_mask(reach) == -1000)


def test_exact_mask_hides_padding_and_nothing_else() -> None:
    reach = SemanticGrid(9, 14, 7).generate(3, 14, "exact")
    cut = patches(reach, torch.device("cpu"))
    assert torch.equal(cut.hidden, cut.place == 9 * 14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_masks_hide_completely(dtype: torch.dtype) -> None:
    reach = SemanticGrid(22, 30, 7).generate(3, 14, "exact")
    query = torch.zeros(1, reach.query_rows * reach.query_columns, CHANNELS, dtype=dtype)
    keys = torch.zeros(1, 22 * 30 + 1, 2 * CHANNELS, dtype=dtype)
    keys[:, -1] = 1000  # the padding: seen, it would show
    assert attend(query, keys, HEADS, reach).abs().max() == 0
