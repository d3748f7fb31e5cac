import json

import numpy as np
import pytest

from latency.errors import PredictorError
from latency.features import FeatureMap, all_indices
from models.plan import Plan
from models.space import Knob, Space
from models.work import BlockWork, Work
from tests.latency.published import SPACE, work

FEATURES = FeatureMap.of(SPACE, work)


def test_every_knob_has_its_work_and_its_price_of_selecting() -> None:
    names = SPACE.names
    assert FEATURES.names == ("intercept", *(f"macs {n}" for n in names), *(f"sparse {n}" for n in names))


def test_dense_is_all_work_and_no_selection() -> None:
    assert FEATURES([SPACE.dense]).tolist() == [[1.0] * 7 + [0.0] * 6]


def test_work_is_counted_in_kept_windows_not_in_ratios() -> None:
    # 9 windows at 0.3 keep int(6.3) = 6
    row = FEATURES([SPACE.plan({"stage3": 0.3})])[0]
    assert row[FEATURES.names.index("macs stage3")] == pytest.approx(6 / 9)


def test_columns_add_up_to_the_work_of_any_plan() -> None:
    dense = work(SPACE.dense)
    share = [sum(b.macs for b in dense.blocks[start : start + 2]) for start in range(0, 12, 2)]
    for plan in (SPACE.plan({"stage0": 0.3, "stage2_2": 0.1, "stage2_3": 0.5}), SPACE.sparsest):
        macs = FEATURES([plan])[0, 1:7] @ share
        assert macs == pytest.approx(sum(block.macs for block in work(plan).blocks))


def test_many_plans_look_up_what_single_plans_compute() -> None:
    indices = all_indices(SPACE)
    assert len(indices) == len(SPACE) == 120_285
    some = indices[::10_007]
    assert np.array_equal(FEATURES.indices([SPACE.at(tuple(row)) for row in some.tolist()]), some)
    assert not np.isnan(FEATURES.matrix(indices)).any()


def test_absent_knobs_and_other_orders_are_understood() -> None:
    complete = SPACE.plan({"stage0": 0.3})
    assert np.array_equal(FEATURES([{"stage0": 0.3}]), FEATURES([complete]))
    assert np.array_equal(FEATURES([Plan(complete.knobs[::-1])]), FEATURES([complete]))


@pytest.mark.parametrize("plan", [{"stage9": 0.1}, {"stage0": 0.15}])
def test_a_plan_of_another_space_is_refused_by_name(plan: dict[str, float]) -> None:
    with pytest.raises(PredictorError, match="does not belong to this space of stage0"):
        FEATURES([plan])


def test_survives_json() -> None:
    again = FeatureMap.from_dict(json.loads(json.dumps(FEATURES.with_levels().to_dict())))
    plans = [SPACE.dense, SPACE.sparsest, SPACE.plan({"stage1": 0.5})]
    assert np.array_equal(again(plans), FEATURES.with_levels()(plans))


def test_levels_mark_one_network_each() -> None:
    knob = Knob("depth", (0, 1, 2), counts=(4, 4, 2))
    space = Space((knob,))

    def two_networks(plan: Plan) -> Work:
        kept = 4 if plan["depth"] != 2 else 2
        return Work((BlockWork(0, kept, 4, float(kept)),), 0.0)

    levels = FeatureMap.of(space, two_networks).with_levels()
    assert levels.names == ("intercept", "macs depth", "level depth=0", "level depth=2")
    assert levels([{"depth": 1}]).tolist() == [[1.0, 1.0, 1.0, 0.0]]


def test_a_cascade_is_tabulated_over_all_knobs_it_depends_on() -> None:
    space = Space((Knob("first", (1.0, 0.5)), Knob("second", (1.0, 0.5))))

    def cascade(plan: Plan) -> Work:
        first = float(plan["first"])
        second = first * float(plan["second"])
        return Work((BlockWork(0, 1, 1, 8 * first), BlockWork(1, 1, 1, 8 * second)), 1.0)

    features = FeatureMap.of(space, cascade)
    assert features.names == ("intercept", "macs first", "macs first+second")
    assert features([{"first": 0.5, "second": 0.5}]).tolist() == [[1.0, 0.5, 0.25]]


def test_a_pair_multiplies_what_two_knobs_leave() -> None:
    features = FeatureMap.of(SPACE, work, pairs=[("stage0", "stage3")])
    row = features([SPACE.plan({"stage0": 0.5, "stage3": 0.3})])[0]
    assert row[-1] == pytest.approx(288 / 576 * 6 / 9)
    with pytest.raises(PredictorError, match="'stage9' is no knob"):
        FeatureMap.of(SPACE, work, pairs=[("stage0", "stage9")])
