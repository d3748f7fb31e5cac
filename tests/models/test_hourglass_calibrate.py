"""Calibration without labels: closer to the dense network, the same every time, and nothing is changed."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.checkpoint import load_backbone
from models.errors import InputError, PlanError
from models.hourglass_calibrate import Calibration, Trial, calibrate
from models.hourglass_swin import HourglassSwin
from models.hourglass_variants import HOURGLASS_SWIN
from models.plan import Plan
from models.video_swin import VideoSwin

DIGITS = Path(__file__).parents[2] / "samples" / "weights" / "digits_dense.safetensors"
PLAN = {"location": 6, "grid": "5x5"}
FEW = {"temperature": (0.01, 0.3), "k": (5,), "neighbourhood": (3, 5), "iterations": (1, 5)}


@pytest.fixture(scope="module")
def backbone() -> HourglassSwin:
    model = HourglassSwin(**HOURGLASS_SWIN["hourglass_swin_nano"].options | {"temperature": 0.01, "k": 25}).eval()
    load_backbone(model, DIGITS)
    return model


@pytest.fixture(scope="module")
def batches() -> list[Tensor]:
    coarse = torch.randn(3, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    images = nn.functional.interpolate(coarse, size=(112, 112), mode="bicubic")
    return [images[:2], images[2:]]


@pytest.fixture(scope="module")
def found(backbone: HourglassSwin, batches: list[Tensor]) -> Calibration:
    return calibrate(backbone, PLAN, batches, choices=FEW)


def test_comes_closer_to_the_dense_network(backbone: HourglassSwin, batches: list[Tensor], found: Calibration) -> None:
    assert found.best.distance < 0.5 * found.start.distance
    assert found.best == min(found.tried, key=lambda trial: trial.distance)
    assert found.samples == 3
    # the distance is what it says: relative, mean over samples and outputs
    errors = []
    with torch.no_grad():
        for batch in batches:
            for own, dense in zip(backbone(batch, found.plan), backbone(batch), strict=True):
                errors += ((own - dense).square().sum((1, 2, 3)) / dense.square().sum((1, 2, 3))).tolist()
    assert found.best.distance == pytest.approx(sum(errors) / len(errors), rel=1e-3)


def test_names_every_knob_and_keeps_place_and_grid(backbone: HourglassSwin, found: Calibration) -> None:
    assert set(found.plan) == {"location", "grid", "iterations", "neighbourhood", "temperature", "k"}
    assert (found.plan["location"], found.plan["grid"]) == (6, "5x5")
    assert found.start.plan == Plan.of({**PLAN, "iterations": 5, "neighbourhood": 3, "temperature": 0.01, "k": 25})
    # a model built with these options runs the short plan as the calibrated one
    options = HOURGLASS_SWIN["hourglass_swin_nano"].options | found.options
    same = HourglassSwin(**options)
    assert same.geometry.parse(PLAN) == backbone.geometry.parse(found.plan)
    assert same.geometry.parse({"location": 6}) == backbone.geometry.parse(found.plan)


def test_is_the_same_every_time_and_leaves_the_model_alone(
    backbone: HourglassSwin, batches: list[Tensor], found: Calibration
) -> None:
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    seen: list[tuple[Trial, int, int]] = []
    again = calibrate(backbone, PLAN, batches, choices=FEW, progress=lambda *told: seen.append(told))
    assert again.plan == found.plan and [t.plan for t in again.tried] == [t.plan for t in found.tried]
    assert [trial for trial, _, _ in seen] == list(again.tried)
    assert [done for _, done, _ in seen] == list(range(1, len(seen) + 1))
    assert all(done <= most for _, done, most in seen)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert all(parameter.grad is None for parameter in backbone.parameters())


def test_usual_temperatures_follow_the_features(backbone: HourglassSwin, batches: list[Tensor]) -> None:
    choices = {"neighbourhood": (3,), "iterations": (2,), "k": (5,)}
    found = calibrate(backbone, PLAN, batches[:1], choices=choices)
    tried = {trial.plan["temperature"] for trial in found.tried}
    assert len(tried) >= 8
    # the best lies inside the range, not at its end
    assert min(tried) < found.plan["temperature"] < max(tried)  # type: ignore[operator]


def test_what_a_plan_asks_for_is_kept(backbone: HourglassSwin, batches: list[Tensor]) -> None:
    asked = {**PLAN, "temperature": 0.2, "iterations": 2, "neighbourhood": 3}
    told: list[str] = []
    found = backbone.calibrated(asked, batches[1:], told.append)
    assert {name: found[name] for name in asked} == asked and isinstance(found["k"], int)
    assert len(told) > 2 and "distance" in told[0]
    settled = {**asked, "k": 4}
    assert backbone.calibrated(settled, batches[1:], told.append) == Plan.of(settled)


def test_clips_are_calibrated_alike() -> None:
    options = {"embed_dims": 8, "depths": (1, 1, 2, 1), "num_heads": (1, 1, 1, 1), "window_size": (2, 4, 4)}
    model = VideoSwin(**options).eval()  # type: ignore[arg-type]
    asked = {"location": 2, "grid": "2x2x2", "temperature": 0.2, "iterations": 1, "neighbourhood": 3}
    assert set(model.calibrated(asked, [torch.randn(2, 3, 4, 64, 64)], print)) == {*asked, "k"}


def test_what_is_compared_can_be_chosen(backbone: HourglassSwin, batches: list[Tensor]) -> None:
    def last(x: Tensor, plan: Plan) -> Tensor:
        return backbone(x, plan)[-1]  # type: ignore[no-any-return]

    found = calibrate(backbone, PLAN, batches, run=last, choices=FEW)
    with torch.no_grad():
        own, dense = last(batches[1], found.plan), last(batches[1], Plan())
    assert float((own - dense).square().sum() / dense.square().sum()) == pytest.approx(found.best.distance, rel=1)


def test_impossible_requests_are_refused(backbone: HourglassSwin, batches: list[Tensor]) -> None:
    with pytest.raises(PlanError, match="is dense: there is nothing to calibrate"):
        calibrate(backbone, {}, batches)
    with pytest.raises(PlanError, match="k=30: expected 1 to 25"):
        calibrate(backbone, PLAN, batches, choices={"k": (30,)})
    with pytest.raises(InputError, match="at least one batch"):
        calibrate(backbone, PLAN, [])
    training = HourglassSwin(**HOURGLASS_SWIN["hourglass_swin_nano"].options)
    with pytest.raises(InputError, match="in evaluation mode"):
        calibrate(training, PLAN, batches)
