"""STViT on paper, against the published numbers."""

import pytest

from models.errors import InputError, PlanError
from models.super_token_geometry import SuperTokenGeometry, attention_macs, super_tokens
from models.super_token_plan import BlockSetting, parse_cell
from models.super_token_variants import STVIT

# The published FLOPs are multiply-accumulates as an operator counter sees the released code. Beside convolutions,
# linear layers and matrix products it counts 2 per element of a BatchNorm, 5 per element of a LayerNorm, and the
# convolutions with one-hot kernels that only move features: 81 per super token and channel, three times, and one
# more for the mass.
PUBLISHED_GMACS = {
    ("stvit_small", 224): 4.4, ("stvit_base", 224): 9.9, ("stvit_large", 224): 15.6,
    ("stvit_small", 384): 14.1, ("stvit_base", 384): 31.5, ("stvit_large", 384): 49.7,
}  # fmt: skip


def moved_and_normed(name: str, side: int) -> float:
    """What the published counts contain beside our MACs."""
    size = STVIT[name]
    geometry = size.geometry
    sizes = geometry.stage_sizes((side, side))
    total = 0.0
    for stage, (depth, (height, width), channels) in enumerate(zip(size.depths, sizes, size.embed_dims, strict=True)):
        total += depth * 7 * height * width * channels
        count = super_tokens((height, width), geometry.own[stage].cell)
        if geometry.own[stage].samples:
            total += depth * 81 * count * (3 * channels + 1)
        if stage:
            total += 2 * height * width * channels
    half, quarter = -(-side // 2), -(-side // 4)
    return total + 2 * size.embed_dims[0] * (half**2 + 2 * quarter**2) + 2 * 1024 * sizes[-1][0] * sizes[-1][1]


@pytest.mark.parametrize(("name", "side"), PUBLISHED_GMACS)
def test_macs_in_the_published_convention(name: str, side: int) -> None:
    macs = STVIT[name].geometry.work({}, (side, side)).macs + moved_and_normed(name, side)
    # one published digit; the paper's 32.5 for stvit_base at 384 can only be a slip for 31.5
    assert macs / 1e9 == pytest.approx(PUBLISHED_GMACS[name, side], abs=0.06)


@pytest.mark.parametrize(
    ("name", "side", "gmacs"),
    [
        ("stvit_small", 224, 4.34), ("stvit_base", 224, 9.82), ("stvit_large", 224, 15.54),
        ("stvit_small", 384, 14.08), ("stvit_base", 384, 31.35), ("stvit_large", 384, 49.58),
    ],
)  # fmt: skip
def test_our_macs(name: str, side: int, gmacs: float) -> None:
    assert STVIT[name].geometry.work({}, (side, side)).macs / 1e9 == pytest.approx(gmacs, abs=0.005)


def tiny(*cells: int | str, iterations: int = 1) -> SuperTokenGeometry:
    own = tuple(BlockSetting(parse_cell(cell), iterations) for cell in cells)
    return SuperTokenGeometry((8, 16, 24, 32)[: len(own)], (2, 1, 3, 1)[: len(own)], own)


def test_maps_are_rounded_up_at_every_halving() -> None:
    assert tiny(8, 4, 1, 1).stage_sizes((75, 109)) == ((19, 28), (10, 14), (5, 7), (3, 4))
    assert tiny(8, 4, 1, 1).stage_sizes((1, 33)) == ((1, 9), (1, 5), (1, 3), (1, 2))
    with pytest.raises(InputError, match="must be positive"):
        tiny(8).stage_sizes((0, 224))


# map, cell -> super tokens: the last cell of a row may hang over the border, and a cell may exceed the map
@pytest.mark.parametrize(
    ("size", "cell", "count"),
    [((56, 56), (8, 8), 49), ((19, 28), (8, 8), 12), ((3, 5), (8, 8), 1), ((4, 6), (1, 1), 24)],
)
def test_super_tokens_of_a_map(size: tuple[int, int], cell: tuple[int, int], count: int) -> None:
    assert super_tokens(size, cell) == count


def test_macs_of_attention_by_hand() -> None:
    # 4 x 6 tokens in cells of 3 x 4 are padded to 6 x 8: 4 super tokens, 48 tokens
    sampled = 3 * 9 * 48 * 10
    refined = 4 * 4 * 10**2 + 2 * 4**2 * 10
    assert attention_macs((4, 6), 10, BlockSetting((3, 4))) == sampled + refined
    assert attention_macs((4, 6), 10, BlockSetting((3, 4), iterations=2)) == sampled * 5 / 3 + refined
    assert attention_macs((4, 6), 10, BlockSetting((3, 4), refine="none")) == sampled
    assert attention_macs((4, 6), 10, BlockSetting((3, 4), refine="conv")) == sampled + 2 * 4 * 10**2 + 25 * 4 * 10
    assert attention_macs((4, 6), 10, BlockSetting(iterations=7)) == 4 * 24 * 10**2 + 2 * 24**2 * 10


def test_work_counts_super_tokens_and_marks_what_samples() -> None:
    work = STVIT["stvit_small"].geometry.work({"grid2.0": 2}, (224, 224))
    assert [(b.kept, b.total, b.sparse) for b in work.blocks if b.stage == 2][:2] == [
        (49, 196, True),
        (196, 196, False),
    ]
    assert [b.kept for b in work.blocks[:4]] == [49, 49, 49, 49]
    assert [b.stage for b in work.blocks] == [0] * 3 + [1] * 5 + [2] * 9 + [3] * 3


def test_dense_plan_of_the_space_is_the_model_as_built() -> None:
    for size in STVIT.values():
        space = size.geometry.space((224, 224))
        assert space.names == ("grid0", "grid1", "grid2", "grid3") and len(space) == 24
        assert dict(space.dense) == {"grid0": 8, "grid1": 4, "grid2": 1, "grid3": 1}
        assert size.geometry.work(space.dense, (224, 224)) == size.geometry.work({}, (224, 224))


def test_canonical_space_of_the_densest_model() -> None:
    space = tiny(4, 2, 1, 1).space((224, 224))
    assert [knob.values for knob in space.knobs] == [(4, 8, 16), (2, 4, 8), (1, 2, 4), (1, 2)]
    assert space.knobs[0].counts == (196, 49, 16)


def test_equal_counts_on_a_small_map_stay_different_networks() -> None:
    knob = tiny(8).space((32, 32)).knobs[0]
    assert knob.values == (8, 16) and knob.counts is None


def test_iterations_are_searched_only_where_there_are_several_and_cells_sample() -> None:
    assert tiny(8, 4, 1, 1, iterations=2).space((224, 224)).names == (
        "grid0", "iters0", "grid1", "iters1", "grid2", "grid3",
    )  # fmt: skip
    assert tiny(8, iterations=3).space((224, 224)).knobs[1].values == (3, 2, 1)


def test_space_per_block_with_refinement() -> None:
    space = tiny(8, 4, 1).space((224, 224), per_block=True, refine=True)
    assert space.names == (
        "grid0.0", "refine0.0", "grid0.1", "refine0.1", "grid1.0", "refine1.0", "grid2.0", "grid2.1", "grid2.2",
    )  # fmt: skip
    assert space.knobs[1].values == ("attention", "none")
    assert all(tiny(8, 4, 1).schedule(plan) for plan in (space.dense, space.sparsest))


def test_values_of_a_space_can_be_given() -> None:
    space = tiny(8, 4).space((224, 224), values=((8, "16x8"), (4,)))
    assert [(knob.name, knob.values) for knob in space.knobs] == [("grid0", (8, "16x8"))]
    with pytest.raises(PlanError, match="one list of cells per stage, 2; got 1"):
        tiny(8, 4).space((224, 224), values=((8,),))


@pytest.mark.parametrize("name", STVIT)
def test_sparser_never_costs_more(name: str) -> None:
    geometry = STVIT[name].geometry
    space = geometry.space((224, 224))
    for plan in space:
        for sparser in space.neighbours(plan):
            if sum(space.indices(sparser)) > sum(space.indices(plan)):
                fewer = geometry.work(sparser, (224, 224)).blocks
                assert all(a.kept <= b.kept for a, b in zip(fewer, geometry.work(plan, (224, 224)).blocks, strict=True))
