"""STViT-R on paper, against counts of the released network; plans and spaces."""

import pytest

from models.errors import InputError, PlanError
from models.sparsevit_geometry import Geometry
from models.stvit_r_geometry import StvitRGeometry
from models.stvit_r_plan import Dumbbell, dumbbells
from models.stvit_r_reach import Band
from models.stvit_r_variants import STVIT_R

SMALL = STVIT_R["stvit_r_small"].geometry
COCO = (800, 1344)


def test_swin_s_detection_needs_two_thirds_of_dense_swin() -> None:
    # released code: 241 G, dense Swin: 194 G; both with keys projected after unfolding or not at all
    ours, dense = SMALL.work({}, COCO).macs, Geometry(96, (2, 2, 18, 2)).work({}, COCO).macs
    assert ours / 1e9 <= 134
    assert ours / dense < 0.67


@pytest.mark.parametrize(
    ("name", "size", "gmacs"), [("small", 224, 5.89), ("small", 448, 23.60), ("base", COCO, 230.5)]
)
def test_macs_do_not_exceed_those_of_keys_projected_once(name: str, size: int | tuple[int, int], gmacs: float) -> None:
    # the reference projects queries of the padded map and attends to whole key windows; ours can only be below
    macs = STVIT_R[f"stvit_r_{name}"].geometry.work({}, (size, size) if isinstance(size, int) else size).macs / 1e9
    assert 0.94 * gmacs < macs <= gmacs


def test_work_lists_six_blocks_per_dumbbell() -> None:
    work = SMALL.work({"dumbbell2": False, "dumbbell3_s": 2}, COCO)
    assert [block.stage for block in work.blocks] == [0] * 2 + [1] * 2 + [2] * 18 + [3] * 2
    tokens, windows = 50 * 84, 8 * 12
    first, second, third = ([block.kept for block in work.blocks[4 + 6 * i : 10 + 6 * i]] for i in range(3))
    assert first == [tokens, *[9 * windows] * 4, tokens]
    assert second == [0] * 6
    assert third == [tokens, *[4 * windows] * 4, tokens]
    assert all(block.macs == 0 for block in work.blocks[10:16])


@pytest.mark.parametrize("detection", [True, False])
def test_every_step_towards_sparse_saves_work(detection: bool) -> None:
    geometry = StvitRGeometry(96, (2, 2, 18, 2), detection=detection)
    size = (448, 672) if detection else (224, 224)
    space = geometry.space(size)
    dense = geometry.work(space.dense, size).macs
    assert dense == geometry.work({}, size).macs
    for plan in space.neighbours(space.dense):
        assert geometry.work(plan, size).macs < dense, plan


def test_published_point_is_the_dense_plan() -> None:
    space = SMALL.space(COCO)
    assert SMALL.schedule(space.dense) == SMALL.schedule({}) == (Dumbbell(3, 14, 21, 27),) * 3
    assert SMALL.schedule(space.sparsest) == (Dumbbell(1, 7, 7, 1), None, None)
    assert len(space) == (3 * 2 * 3 * 4) ** 3 * 4


def test_wider_space_holds_the_published_point() -> None:
    space = SMALL.space(COCO, wider=True)
    assert space.knobs[0].values == (4, 3, 2, 1) and space.knobs[1].values == (21, 14, 7)
    assert SMALL.schedule(space.plan(SMALL.space(COCO).dense)) == SMALL.schedule({})


def test_classification_has_no_key_windows() -> None:
    geometry = StvitRGeometry(96, (2, 2, 12, 2), detection=False)
    assert geometry.space((224, 224)).names == ("dumbbell1_s", "dumbbell2", "dumbbell2_s")
    with pytest.raises(PlanError, match="unknown knob 'dumbbell_k1'"):
        geometry.schedule({"dumbbell_k1": 7})


def test_one_dumbbell_wins_over_all_in_any_order() -> None:
    for plan in ({"dumbbell_s": 2, "dumbbell2_s": 1}, {"dumbbell2_s": 1, "dumbbell_s": 2}):
        assert [run.s for run in SMALL.schedule(plan) if run] == [2, 1, 2]


def test_recovery_context_stays_when_the_tokens_change() -> None:
    # 4 windows to each side: 9 windows of s tokens
    sides = [run.kr for s in (1, 2, 3, 4) for run in dumbbells({"dumbbell_s": s}, 1, Dumbbell(), 7) if run]
    assert sides == [9, 18, 27, 36]


def test_default_that_is_no_whole_number_of_windows_survives() -> None:
    assert dumbbells({}, 1, Dumbbell(4, 13, 20, 13), 7) == (Dumbbell(4, 13, 20, 13),)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"stage2": 0.3}, "unknown knob 'stage2': this backbone has dumbbell1_s, dumbbell1_k1"),
        ({"dumbbell4_s": 2}, "unknown knob"),
        ({"dumbbell1": False}, "unknown knob"),
        ({"dumbbell": False}, "unknown knob"),
        ({"dumbbell2": 0}, "must be true"),
        ({"dumbbell1_s": 0}, "whole number of tokens, from 1 to the window's 7"),
        ({"dumbbell1_s": 8}, "whole number of tokens, from 1 to the window's 7"),
        ({"dumbbell1_k1": 7.5}, "whole number of tokens, from 1 to 256"),
        ({"dumbbell1_k2": 100_000}, "whole number of tokens, from 1 to 256"),
        ({"dumbbell1_r": -1}, "windows seen to each side must be 0 to 36"),
        ({"dumbbell1_s": True}, "must be a number"),
        ({"dumbbell1_s": "3"}, "must be a number"),
    ],
)
def test_plan_outside_the_space_is_explained(plan: dict[str, float], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        SMALL.schedule(plan)


@pytest.mark.parametrize("depths", [(2, 2, 7, 2), (2, 2), (2, 2, 0, 2)])
def test_depths_without_whole_dumbbells_are_refused(depths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="whole dumbbells of 6 blocks"):
        StvitRGeometry(96, depths)


@pytest.mark.parametrize("default", [Dumbbell(0), Dumbbell(8, kr=72), Dumbbell(3, kr=2), Dumbbell(k1=0)])
def test_default_that_cannot_run_is_refused(default: Dumbbell) -> None:
    with pytest.raises(InputError, match="s must be 1 to the window's 7"):
        StvitRGeometry(96, (2, 2, 6, 2), default=default)


def test_all_windows_of_a_small_map_recover_in_one_band() -> None:
    # 28 x 28 tokens: every window sees all 12 x 12 semantic tokens
    reach = SMALL.grid((448, 448)).recover(3, 27, "original")
    assert reach.bands == (Band(0, 4, 0, 12),) and not reach.gathered
    assert reach.scores == 28 * 28 * (144 + 1)


def test_rows_that_the_original_mask_hides_are_not_computed() -> None:
    # 50 x 84 tokens lack 6 rows: the released code hides the last 6 of 24 semantic rows
    reach = SMALL.grid(COCO).recover(3, 27, "original")
    assert max(band.last_key_row for band in reach.bands) == 18
    exact = SMALL.grid(COCO).recover(3, 27, "exact")
    assert max(band.last_key_row for band in exact.bands) == 24


def test_long_rows_are_gathered() -> None:
    assert SMALL.grid(COCO).generate(3, 14, "original").gathered
    assert not SMALL.grid((448, 448)).generate(3, 14, "original").gathered
