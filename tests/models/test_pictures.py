"""Pictures of what backbones choose: one contract for all of the zoo, and for each family that they show the truth."""

import random
import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from models.picture import Picture
from models.plan import Plan
from models.sparsevit import SparseViT
from models.stvit_r_attention import attend, attend_all
from models.stvit_r_geometry import SemanticGrid
from models.stvit_r_layers import SemanticBlock
from models.stvit_r_pictures import drawn_from
from models.super_token import SuperTokenViT
from models.super_token_pictures import owners
from models.work import BlockWork, Work
from models.zoo import FAMILIES, Family, build

WITH_PICTURES = [family for family in FAMILIES if hasattr(family.load(), "pictures")]
TITLE = re.compile(r"(?:stage (\d+), )?(?:block|layer)s? (\d+)")


def test_the_first_families_have_pictures() -> None:
    names = {family.name for family in WITH_PICTURES}
    assert {"SparseViT", "STViT-R", "STViT-R classification", "STViT classification"} <= names


def smallest(family: Family) -> str:
    return next((name for name in family.sizes if "nano" in name), next(iter(family.sizes)))


def clip_or_image(model: nn.Module, batch: int) -> Tensor:
    """(batch, 3, 224, 224), or so many frames of it as the model takes."""
    frames = getattr(model, "frames", None)
    shape = (batch, 3, 224, 224) if frames is None else (batch, 3, frames, 224, 224)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def work_of(one: Picture, work: Work) -> BlockWork | None:
    """The block that a title names; without a stage, blocks are counted through."""
    match = TITLE.match(one.title)
    if match is None:
        return None
    blocks = [block for block in work.blocks if match[1] is None or block.stage == int(match[1])]
    return blocks[int(match[2])]


def plans(model: nn.Module) -> Iterator[Plan]:
    space = model.space((224, 224))  # type: ignore[operator]
    yield from (space.dense, space.random(random.Random(3)), space.sparsest)


@pytest.mark.parametrize("family", WITH_PICTURES, ids=lambda family: family.name)
def test_pictures_cover_the_image_and_agree_with_the_work(family: Family) -> None:
    torch.manual_seed(0)
    model = build(smallest(family)).eval()
    x = clip_or_image(model, 2)
    compared = 0
    for plan in plans(model):
        pictures = model.pictures(x, plan)  # type: ignore[operator]
        work: Work = model.work(plan, (224, 224))  # type: ignore[operator]
        assert all(isinstance(one, Picture) for one in pictures)
        names = [(one.title, one.kind) for one in pictures]
        assert len(set(names)) == len(names)
        for one in pictures:
            assert len(one.values) == 2 and one.values.dim() == x.dim() - 1
            rows, columns = one.values.shape[-2:]
            assert rows * one.cell[0] >= 224 and columns * one.cell[1] >= 224
            assert not one.values.requires_grad
            block = work_of(one, work)
            if one.kind == "kept":
                assert one.values.is_floating_point() and one.values.min() >= 0 and one.values.max() <= 1
                if block is not None:
                    for image in one.values:
                        assert float(image.mean()) == pytest.approx(block.kept / block.total, abs=1e-6), one.title
                    compared += 1
            else:
                assert one.values.dtype == torch.int64 and one.values.min() >= 0
                if block is not None:
                    assert all(len(image.unique()) <= block.kept for image in one.values), one.title
                    compared += 1
    assert compared >= 2


@pytest.mark.parametrize("family", WITH_PICTURES, ids=lambda family: family.name)
def test_pictures_of_one_image_do_not_depend_on_the_others(family: Family) -> None:
    torch.manual_seed(0)
    model = build(smallest(family)).eval()
    x = clip_or_image(model, 2)
    plan = list(plans(model))[1]
    together, alone = model.pictures(x, plan), model.pictures(x[1:], plan)  # type: ignore[operator]
    for first, second in zip(together, alone, strict=True):
        assert (first.values[1:] == second.values).float().mean() > 0.99  # rounding may turn a near tie


@pytest.mark.parametrize("size", [(84, 140), (224, 112), (61, 97)])
@pytest.mark.parametrize("padding", ["before_norm", "after_norm"])
def test_sparsevit_shows_exactly_the_tokens_that_a_block_changes(size: tuple[int, int], padding: str) -> None:
    torch.manual_seed(0)
    model = SparseViT(embed_dims=8, num_heads=(2, 2, 4, 4), padding=padding).eval()  # type: ignore[arg-type]
    x, plan = torch.randn(2, 3, *size), {"stage0": 0.4, "stage1.0": 0.5, "stage1.1": 0.7, "stage2": 0.5, "stage3": 1.0}
    outputs: dict[str, Tensor] = {}
    with torch.no_grad():
        model(x, plan, outputs.__setitem__)
    pictures = {one.title: one.values for one in model.pictures(x, plan)}
    changed_anywhere = 0
    for stage, ((height, width), depth) in enumerate(zip(model.geometry.stage_sizes(size), (2, 2, 6, 2), strict=True)):
        for block in range(1, depth):
            changed = (outputs[f"s{stage}.b{block}.out"] != outputs[f"s{stage}.b{block - 1}.out"]).any(-1)
            shown = pictures[f"stage {stage}, block {block}"][:, :height, :width]
            assert torch.equal(shown, changed.view(-1, height, width).float())
            changed_anywhere += int(changed.sum())
    assert changed_anywhere > 0


def test_sparsevit_keeps_its_shares_on_maps_that_windows_overhang() -> None:
    model = SparseViT(embed_dims=8, num_heads=(2, 2, 4, 4)).eval()
    x, plan = torch.randn(1, 3, 100, 180), {"stage0": 0.3, "stage1": 0.5}
    blocks = model.work(plan, (100, 180)).blocks
    for one, block in zip(model.pictures(x, plan), blocks, strict=True):
        assert float(one.values.mean()) == pytest.approx(block.kept / block.total)


def test_a_super_token_owns_the_tokens_that_give_it_most_and_none_lies_beyond_the_grid() -> None:
    rows, columns, cell, size = 3, 4, (2, 3), (5, 11)
    association = torch.rand(2, rows, columns, 9, 6, generator=torch.Generator().manual_seed(0))
    association[:, 0, 0, 0] = 2.0  # the upper left cell prefers what is not there
    found = owners(association, cell, size)
    assert found.shape == (2, *size)
    for image in range(2):
        for y in range(size[0]):
            for x in range(size[1]):
                row, column, place = y // 2, x // 3, y % 2 * 3 + x % 3
                shares = {
                    (row + k // 3 - 1) * columns + column + k % 3 - 1: float(association[image, row, column, k, place])
                    for k in range(9)
                    if 0 <= row + k // 3 - 1 < rows and 0 <= column + k % 3 - 1 < columns
                }
                assert found[image, y, x] == max(shares, key=lambda number: shares[number])


def test_a_super_token_picture_follows_the_last_round_of_association() -> None:
    torch.manual_seed(0)
    model = SuperTokenViT(embed_dims=(8, 16, 24, 32), depths=(1, 1, 1, 1), num_heads=(1, 2, 3, 4)).eval()
    x, told = torch.randn(1, 3, 96, 64), {}
    plan = Plan.of({"iters0": 3})
    with torch.no_grad():
        model(x, plan, told.__setitem__)
    shown = model.pictures(x, plan)[0].values
    assert torch.equal(shown, owners(told["s0.b0.association2"], (8, 8), (24, 16)))
    assert not torch.equal(shown, owners(told["s0.b0.association0"], (8, 8), (24, 16)))


@pytest.mark.parametrize("mask", ["original", "exact", "none"])
@pytest.mark.parametrize(("size", "kr"), [((14, 10), 6), ((9, 30), 2)])
def test_stvit_r_draws_from_the_token_with_the_largest_mean_weight(size: tuple[int, int], kr: int, mask: str) -> None:
    torch.manual_seed(0)
    grid = SemanticGrid(*size, 7)
    reach = grid.recover(2, kr, mask)  # type: ignore[arg-type]
    count, heads = 4 * grid.down * grid.across, 2
    depth = count + 1  # channels of a head, so that its values can be told apart
    block = SemanticBlock(heads * depth, heads, 1.0, 0.0).eval()
    tokens, semantic = torch.randn(2, size[0] * size[1], heads * depth), torch.randn(2, count, heads * depth)
    with torch.no_grad():
        found = drawn_from(block, tokens, semantic, reach)
        padded = nn.functional.pad(semantic, (0, 0, 0, 1))
        key = block.attn.kv(block.norm1(padded)).chunk(2, -1)[0]
        value = torch.eye(depth).repeat(1, heads).expand(2, -1, -1)  # what comes out is the weights
        mixed = attend(block.attn.q(block.norm1(tokens)), torch.cat([key, value], -1), heads, reach)
    weights = mixed.unflatten(-1, (heads, depth)).mean(2)[..., :count]
    assert torch.equal(found, weights.argmax(-1))
    assert len(found.unique()) > 2


def test_stvit_r_without_windows_draws_from_all() -> None:
    torch.manual_seed(0)
    block = SemanticBlock(2 * 9, 2, 1.0, 0.0).eval()
    tokens, semantic = torch.randn(1, 30, 18), torch.randn(1, 9, 18)
    with torch.no_grad():
        key = block.attn.kv(block.norm1(semantic)).chunk(2, -1)[0]
        value = torch.eye(9).repeat(1, 2)[None]
        weights = attend_all(block.attn.q(block.norm1(tokens)), torch.cat([key, value], -1), 2)
        found = drawn_from(block, tokens, semantic, None)
    assert torch.equal(found, weights.unflatten(-1, (2, 9)).mean(2).argmax(-1))
