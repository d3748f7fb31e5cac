"""Calibration: thresholds that hit asked ratios, ratios that a network chooses."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from models.errors import ModelError
from models.svit_calibrate import calibrate_ratios, calibrate_thresholds, kept_shares
from tests.models.test_svit import tiny


def batches() -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for scale in (0.5, 1.0, 2.0):
        yield torch.randn(4, 3, 64, 96, generator=generator) * scale


def test_thresholds_hit_the_asked_shares_though_images_differ() -> None:
    model, asked = tiny(), (0.9, 0.7, 0.5, 0.3, 1.0, 0.5, 0.7, 0.2, 0.1)
    before = kept_shares(model, batches, {"mode": "argmax"})
    plan = calibrate_thresholds(model, batches, asked)
    assert plan["mode"] == "threshold" and model.depends_on_content(plan)
    shares = kept_shares(model, batches, plan)
    assert max(abs(share - ratio) for share, ratio in zip(shares, asked, strict=True)) < 0.05
    assert max(abs(share - ratio) for share, ratio in zip(before, asked, strict=True)) > 0.2
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(next(batches()), plan, seen.__setitem__)
    assert len(set(seen["selector2.kept"].sum(1).tolist())) > 1


def test_the_trained_ratios_are_what_is_asked_for_by_default() -> None:
    model = tiny()
    shares = kept_shares(model, batches, calibrate_thresholds(model, batches, rounds=2))
    for share, ratio in zip(shares, model.geometry.selection.ratios, strict=True):
        assert share == pytest.approx(ratio, abs=0.05)


def test_ratios_are_what_the_network_keeps_on_average() -> None:
    model = tiny()
    plan = calibrate_ratios(model, batches, "argmax")
    shares = kept_shares(model, batches, {"mode": "argmax"})
    assert dict(plan) == {f"keep{block}": max(1e-4, round(s, 4)) for block, s in zip(range(3, 12), shares, strict=True)}
    assert not model.depends_on_content(plan)
    drawn = [calibrate_ratios(model, batches, noise=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_selector_that_is_not_asked_keeps_all() -> None:
    assert kept_shares(tiny(), batches, {"keep9_11": 0.5}) == (*[1.0] * 6, *[0.5] * 3)


@pytest.mark.parametrize("ratios", [(0.5,), (0.0,) * 9, (1.5,) * 9])
def test_ratios_that_cannot_be_hit_are_refused(ratios: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match=r"must be one share in \(0, 1\] per selector, 9"):
        calibrate_thresholds(tiny(), batches, ratios)


def test_calibration_needs_images_a_model_at_rest_and_fresh_decisions() -> None:
    with pytest.raises(ModelError, match="calibration needs images"):
        calibrate_thresholds(tiny(), lambda: [])
    with pytest.raises(ModelError, match=r"evaluation mode.*call model.eval\(\)"):
        calibrate_ratios(tiny().train(), batches)
    with pytest.raises(ModelError, match="this one inherits its decisions"):
        calibrate_thresholds(tiny(inherit_mask=True), batches)
