"""The knobs of SViT: what a plan means, which are refused, and the space that is searched."""

import random

import pytest

from models.errors import PlanError
from models.plan import Value
from models.svit_geometry import SvitGeometry
from models.svit_plan import Run, Selection, kept_tokens, published_ratios
from models.svit_variants import SVIT_ADAPTER
from models.vit_adapter_geometry import AdapterGeometry

TINY = SVIT_ADAPTER["svit_adapter_tiny"].geometry
INHERITS = SvitGeometry.of(AdapterGeometry(48), inherit=True)


def runs(plan: dict[str, Value], selection: Selection = TINY.selection) -> list[Run]:
    """All runs with a selector."""
    return [run for part in selection.schedule(plan).interactions for run in part if run.selector is not None]


def test_an_empty_plan_keeps_all() -> None:
    schedule = TINY.schedule({})
    assert schedule.mode == "topk" and schedule.extra_extractors == 2
    assert [run.keep for run in runs({})] == [1.0] * 9
    assert schedule.interactions[0] == (Run((0,)), Run((1,)), Run((2,)))


def test_the_more_specific_knob_wins_whatever_the_order() -> None:
    plan: dict[str, Value] = {"keep4": 0.2, "keep": 0.9, "keep3_5": 0.5}
    expected = [0.5, 0.2, 0.5, *[0.9] * 6]
    assert [run.keep for run in runs(plan)] == expected
    assert [run.keep for run in runs(dict(reversed(plan.items())))] == expected


def test_other_modes_steer_to_the_trained_ratios() -> None:
    for mode in ("gumbel", "argmax", "threshold"):
        assert [run.keep for run in runs({"mode": mode, "keep6_8": 0.5})] == [0.7] * 3 + [0.5] * 3 + [0.343] * 3
    thresholds = [run.threshold for run in runs({"mode": "threshold", "threshold9_11": 0.2, "threshold10": 0.9})]
    assert thresholds == [0.5] * 6 + [0.2, 0.9, 0.2]


def test_sharing_joins_blocks_of_an_interaction() -> None:
    shared = [(run.blocks, run.selector) for run in runs({"share": 3})]
    assert shared == [((3, 4, 5), 0), ((6, 7, 8), 3), ((9, 10, 11), 6)]
    assert [run.blocks for run in runs({"share": 2})][:2] == [(3, 4), (5,)]


def test_inherited_decisions_hold_until_the_next_selector() -> None:
    assert [(run.blocks, run.selector) for run in runs({}, INHERITS.selection)] == [
        ((3, 4, 5), 0),
        ((6, 7, 8), 1),
        ((9, 10, 11), 2),
    ]
    early = SvitGeometry.of(AdapterGeometry(48), blocks=(4, 10), inherit=True).selection
    assert [(run.blocks, run.selector) for run in runs({}, early)] == [
        ((4, 5), 0),
        ((6, 7, 8), 0),
        ((9,), 0),
        ((10, 11), 1),
    ]


@pytest.mark.parametrize(
    ("share", "total", "multiple", "expected"),
    # half of a token is rounded up; at least one is kept, and never more than there are
    [(0.5, 9, 1, 5), (0.1, 4, 1, 1), (0.01, 9, 1, 1), (1.0, 9, 1, 9), (0.5, 100, 8, 56), (0.9, 100, 64, 100)],
)
def test_kept_tokens(share: float, total: int, multiple: int, expected: int) -> None:
    assert kept_tokens(share, total, multiple) == expected


def test_published_ratios() -> None:
    groups = TINY.selection.groups()
    assert published_ratios(groups) == (0.7, 0.7, 0.7, 0.49, 0.49, 0.49, 0.343, 0.343, 0.343)
    assert TINY.selection.ratios == published_ratios(groups)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"keep2": 0.5}, r"unknown knobs \['keep2'\]; an SViT with these selectors has mode, keep, keep3_5, keep6_8"),
        ({"keep3_4": 0.5}, "unknown knobs"),
        ({"keep4": 0}, "keep4=0 must be a share above 0, at most 1"),
        ({"keep": 1.1}, "keep=1.1 must be a share above 0"),
        ({"keep": True}, "keep=True must be a share"),
        ({"keep": "half"}, "keep='half' must be a share"),
        ({"mode": "random"}, "mode='random' must be one of topk, threshold, argmax, gumbel"),
        ({"threshold4": 0.5}, "threshold4 has no effect in mode 'topk'; add mode='threshold'"),
        ({"mode": "argmax", "threshold": 0.5}, "threshold has no effect in mode 'argmax'"),
        ({"mode": "threshold", "threshold4": 1.5}, "threshold4=1.5 must be a probability from 0 to 1"),
        ({"share": 4}, "share=4 must be a whole number from 1 to 3"),
        ({"share": True}, "share=True must be a whole number"),
        ({"multiple": 0}, "multiple=0 must be a whole number from 1 to 1024"),
        ({"mode": "argmax", "multiple": 8}, "multiple=8 has no effect in mode 'argmax'"),
        ({"extra_extractors": 3}, "extra_extractors=3 must be a whole number from 0 to 2"),
    ],
)
def test_plans_that_cannot_run_are_refused(plan: dict[str, Value], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        TINY.schedule(plan)


def test_sharing_an_inherited_decision_is_refused() -> None:
    with pytest.raises(PlanError, match="share=3 must be a whole number from 1 to 1"):
        INHERITS.schedule({"share": 3})


def test_the_published_axis_is_the_diagonal_of_the_space() -> None:
    space = TINY.space((448, 448))
    assert space.names == ("keep3_5", "keep6_8", "keep9_11") and len(space) == 11**3
    assert dict(space.dense) == {"keep3_5": 1.0, "keep6_8": 1.0, "keep9_11": 1.0}
    assert dict(space.sparsest) == {"keep3_5": 0.5, "keep6_8": 0.25, "keep9_11": 0.125}
    assert space.contains({"keep3_5": 0.7, "keep6_8": 0.49, "keep9_11": 0.343})
    assert space.knobs[0].counts == tuple(int(784 * base + 0.5) for base in (1, *(x / 100 for x in range(95, 45, -5))))


def test_a_knob_per_block() -> None:
    space = TINY.space((448, 448), per_block=True)
    assert space.names == tuple(f"keep{block}" for block in range(3, 12)) and len(space) == 10**9
    assert space.sparsest["keep7"] == 0.1


def test_options_of_the_space() -> None:
    space = TINY.space((448, 448), share=True, extractors=True)
    assert space.names[3:] == ("share", "extra_extractors")
    assert space.sparsest["share"] == 3 and space.sparsest["extra_extractors"] == 0


def test_inherited_ratios_only_fall() -> None:
    space = INHERITS.space((448, 448))
    assert space.ordered == (("keep3_5", "keep6_8", "keep9_11"),) or space.ordered == (("keep3", "keep6", "keep9"),)
    with pytest.raises(PlanError, match="is denser than"):
        space.plan({space.names[0]: 0.5})


@pytest.mark.parametrize("geometry", [TINY, INHERITS])
def test_every_plan_of_a_space_can_run_and_sparser_is_less_work(geometry: SvitGeometry) -> None:
    rng = random.Random(0)
    for choices in ({}, {"per_block": True, "share": True, "extractors": True}):
        space = geometry.space((448, 448), **choices)
        dense = geometry.work(space.dense, (448, 448))
        assert dense.macs == geometry.work({}, (448, 448)).macs
        assert geometry.work(space.sparsest, (448, 448)).macs < dense.macs
        for plan in (space.random(rng) for _ in range(20)):
            work = geometry.work(plan, (448, 448))
            assert len(work.blocks) == len(dense.blocks) and work.fixed_macs == dense.fixed_macs
            for name, position in zip(space.names, space.indices(plan), strict=True):
                if position:
                    values = space.knobs[space.names.index(name)].values
                    denser = {**plan, name: values[position - 1]}
                    if name != "share" and space.contains(denser):
                        assert geometry.work(denser, (448, 448)).macs >= work.macs


def test_selection_costs_something() -> None:
    work, every = (TINY.work(plan, (448, 448)) for plan in ({"keep3": 0.5}, {}))
    assert work.blocks[3].sparse and not every.blocks[3].sparse and not work.blocks[4].sparse
    assert (work.blocks[3].kept, work.blocks[3].total) == (392, 784)
    assert work.blocks[3].macs == TINY.adapter.block_macs(392) + TINY.selector_macs(784)


def test_work_where_images_decide_is_that_of_the_trained_ratios() -> None:
    work = TINY.work({"mode": "argmax"}, (448, 448))
    assert [block.kept for block in work.blocks[3:12:3]] == [549, 384, 269]
    assert all(block.sparse for block in work.blocks[3:12])
