"""SparseViT on paper, against the published numbers."""

import pytest

from models.errors import InputError, PlanError
from models.plan import Plan
from models.sparsevit_geometry import Geometry, kept_windows, pruning_ratios, schedule

TINY = Geometry(96, (2, 2, 6, 2))
PUBLISHED = {
    "42 ms": {"stage0": 0.3, "stage2_1": 0.1, "stage2_2": 0.2, "stage2_3": 0.2},
    "35 ms": {"stage0": 0.6, "stage2_1": 0.2, "stage2_2": 0.4, "stage2_3": 0.5},
    "33 ms": {"stage0": 0.7, "stage2_1": 0.2, "stage2_2": 0.4, "stage2_3": 0.5},
    "uniform 0.6": {"stage0": 0.6, "stage1": 0.6, "stage2": 0.6, "stage3": 0.6},
    "uniform 0.8": {"stage0": 0.8, "stage1": 0.8, "stage2": 0.8, "stage3": 0.8},
}


# the double-precision truncation of the released code: 1 - 0.8 is a little less than 0.2
@pytest.mark.parametrize(
    ("windows", "ratio", "kept"),
    [(50, 0.8, 9), (25, 0.8, 4), (90, 0.3, 62), (1, 0.1, 0), (1, 0.9, 0), (64, 0.0, 64), (576, 0.3, 403), (7, 1.0, 0)],
)
def test_kept_windows_truncate_in_double_precision(windows: int, ratio: float, kept: int) -> None:
    assert kept_windows(windows, ratio) == kept


def test_stage_windows_at_the_published_size() -> None:
    assert TINY.windows((672, 672)) == (576, 144, 36, 9)
    assert TINY.stage_sizes((150, 230)) == ((38, 58), (19, 29), (10, 15), (5, 8))


def test_dense_macs_equal_the_published_total() -> None:
    assert TINY.work({}, (672, 672)).macs / 1e9 == pytest.approx(40.41, abs=0.005)


@pytest.mark.parametrize(("name", "ratio"), list(zip(PUBLISHED, (0.862, 0.720, 0.703, 0.409, 0.216), strict=True)))
def test_macs_of_published_plans(name: str, ratio: float) -> None:
    dense = TINY.work({}, (672, 672)).macs
    assert TINY.work(PUBLISHED[name], (672, 672)).macs / dense == pytest.approx(ratio, abs=0.0006)


def test_specific_knob_wins_over_the_stage() -> None:
    plan = Plan.of({"stage2.5": 0.8, "stage2_2": 0.4, "stage2": 0.1})
    assert pruning_ratios(plan, (2, 2, 6, 2))[2] == (0.1, 0.1, 0.4, 0.4, 0.1, 0.8)


def test_odd_stage_ends_in_a_pair_of_one() -> None:
    odd = Geometry(8, (2, 3))
    assert odd.space((56, 56)).names == ("stage0", "stage1_1", "stage1_2")
    assert pruning_ratios(Plan.of({"stage1_2": 0.5}), (2, 3))[1] == (0, 0, 0.5)


def test_blocks_before_the_first_pruned_one_are_dense_and_unscored() -> None:
    # block:        0     1    2    3    4    5      plain and shifted blocks are ordered apart
    ratios = {"stage0.1": 0.25, "stage0.2": 0.5, "stage0.3": 0.25, "stage0.4": 0.5, "stage0.5": 0.5}
    assert schedule(Plan.of(ratios), (6,), (4,)) == ((None, 3, 2, 3, 2, 2),)


def test_count_that_grows_back_is_refused_with_both_blocks_named() -> None:
    with pytest.raises(PlanError, match=r"block 2 would keep 3 windows .* after block 0 kept 2"):
        schedule(Plan.of({"stage0.0": 0.5, "stage0.2": 0.25}), (4,), (4,))


def test_falling_ratio_with_equal_count_is_legal() -> None:
    assert schedule(Plan.of({"stage0_1": 0.2, "stage0_2": 0.1}), (4,), (4,)) == ((3, 3, 3, 3),)


@pytest.mark.parametrize("plan", [{"stage4": 0.1}, {"stage0_2": 0.1}, {"stage0.2": 0.1}, {"x": 0.1}, {"stage2_0": 0.1}])
def test_unknown_knob_lists_the_known_ones(plan: dict[str, float]) -> None:
    with pytest.raises(PlanError, match="this backbone has stage0, stage1, stage2_1, stage2_2, stage2_3, stage3"):
        pruning_ratios(Plan.of(plan), (2, 2, 6, 2))


@pytest.mark.parametrize("value", [-0.1, 1.1, "half", True])
def test_ratio_outside_0_to_1_is_refused(value: float) -> None:
    with pytest.raises(PlanError, match="a pruning ratio must be a number from 0"):
        pruning_ratios(Plan.of({"stage0": value}), (2, 2, 6, 2))


def test_size_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="must be positive"):
        TINY.windows((0, 224))


def test_work_marks_sparse_blocks_and_counts_windows() -> None:
    work = TINY.work({"stage0": 0.3}, (672, 672))
    assert [block.kept for block in work.blocks[:3]] == [403, 403, 144]
    assert [block.sparse for block in work.blocks[:3]] == [True, True, False]
    assert [block.stage for block in work.blocks] == [0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3]
