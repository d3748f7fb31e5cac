"""Calibration: thresholds that hit asked ratios, ratios that a network chooses."""

import pytest
import torch
from torch import Tensor

from models.calibration import Calibrates
from models.errors import InputError, PlanError
from models.plan import Value
from models.svit_calibrate import calibrate, calibrate_ratios, calibrate_thresholds, kept_shares
from models.svit_plan import kept_tokens
from tests.models.test_svit import tiny


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(4, 3, 64, 96, generator=generator) * scale for scale in (0.5, 1.0, 2.0)]


def test_thresholds_hit_the_asked_shares_though_images_differ() -> None:
    model, asked = tiny(), (0.9, 0.7, 0.5, 0.3, 1.0, 0.5, 0.7, 0.2, 0.1)
    ratios = {f"keep{block}": ratio for block, ratio in zip(range(3, 12), asked, strict=True)}
    before = kept_shares(model, {"mode": "argmax"}, batches())
    plan = calibrate(model, {"mode": "threshold", **ratios}, batches())
    assert plan["mode"] == "threshold" and model.depends_on_content(plan)
    shares = kept_shares(model, plan, batches())
    assert max(abs(share - ratio) for share, ratio in zip(shares, asked, strict=True)) < 0.05
    assert max(abs(share - ratio) for share, ratio in zip(before, asked, strict=True)) > 0.2
    # the plan still says what to expect
    expected = [kept_tokens(ratio, 24) for ratio in asked]
    assert [block.kept for block in model.work(plan, (64, 96)).blocks[3:12]] == expected
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(batches()[0], plan, seen.__setitem__)
    assert len(set(seen["selector2.kept"].sum(1).tolist())) > 1


def test_the_trained_ratios_are_what_is_asked_for_by_default() -> None:
    model = tiny()
    shares = kept_shares(model, calibrate_thresholds(model, {}, batches(), rounds=2), batches())
    for share, ratio in zip(shares, model.geometry.selection.ratios, strict=True):
        assert share == pytest.approx(ratio, abs=0.05)


def test_shared_decisions_have_one_threshold() -> None:
    model = tiny()
    plan = calibrate(model, {"mode": "threshold", "share": 3, "keep": 0.4, "threshold7": 0.9}, batches())
    assert {name for name in plan if name.startswith("threshold")} == {"threshold3", "threshold6", "threshold9"}
    assert plan["share"] == 3 and plan["keep"] == 0.4
    shares = kept_shares(model, plan, batches())
    assert [shares[selector] for selector in (0, 3, 6)] == pytest.approx([0.4] * 3, abs=0.05)


def test_ratios_are_what_the_network_keeps_on_average() -> None:
    model = tiny()
    plan = calibrate_ratios(model, batches(), "argmax")
    shares = kept_shares(model, {"mode": "argmax"}, batches())
    assert dict(plan) == {f"keep{block}": max(1e-4, round(s, 4)) for block, s in zip(range(3, 12), shares, strict=True)}
    assert not model.depends_on_content(plan)
    drawn = [calibrate(model, {"extra_extractors": 1}, batches(), seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and drawn[0]["extra_extractors"] == 1


def test_the_command_is_told_what_came_out() -> None:
    told: list[str] = []
    model = tiny()
    assert isinstance(model, Calibrates)
    plan = model.calibrated({"mode": "threshold", "keep": 0.5}, batches(), told.append)
    assert "threshold11" in plan and len(told) == 1
    assert told[0].startswith("mode=threshold, keep=0.5, threshold3=") and "kept on average: 0.5" in told[0]


def test_a_selector_that_is_not_asked_keeps_all() -> None:
    assert kept_shares(tiny(), {"keep9_11": 0.5}, batches()) == (*[1.0] * 6, *[0.5] * 3)


@pytest.mark.parametrize("plan", [{"keep4": 0.5}, {"mode": "argmax"}, {"mode": "gumbel"}])
def test_a_plan_that_leaves_nothing_open_is_refused(plan: dict[str, Value]) -> None:
    with pytest.raises(PlanError, match="leaves nothing open; ask for mode='threshold'"):
        calibrate(tiny(), plan, batches())


def test_calibration_needs_images_a_model_at_rest_and_fresh_decisions() -> None:
    for plan in ({"mode": "threshold"}, {}):
        with pytest.raises(InputError, match="calibration needs images"):
            calibrate(tiny(), plan, [])
    with pytest.raises(InputError, match=r"evaluation mode.*call model.eval\(\)"):
        calibrate(tiny().train(), {}, batches())
    with pytest.raises(PlanError, match="this one inherits its decisions"):
        calibrate(tiny(inherit_mask=True), {"mode": "threshold"}, batches())
