"""Training SViT: gradients of every mode, images that keep nothing, the ratio loss, unused parts."""

import random

import pytest
import torch
from torch import Tensor

from models.plan import Plan
from models.svit import SelectiveViTAdapter
from models.svit_decisions import ratio_loss, straight_through
from tests.models.test_svit import HALF, PLANS, noise, tiny
from tests.models.test_vit_adapter import image


def gradients(model: SelectiveViTAdapter, plan: Plan, weight: float = 4.0) -> dict[str, Tensor | None]:
    maps, losses = model.train().forward_with_losses(image(2), plan, noise=noise(2, 24))
    total = torch.stack([found.square().mean() for found in maps]).sum() + weight * losses["loss_ratio"]
    total.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("plan", [*PLANS.values(), Plan.of({"extra_extractors": 0, "keep": 0.5})])
def test_every_parameter_gets_a_gradient(plan: Plan) -> None:
    # distributed training waits for every parameter
    found = gradients(tiny(), plan)
    assert [name for name, gradient in found.items() if gradient is None] == []
    assert all(torch.isfinite(gradient).all() for gradient in found.values() if gradient is not None)


@pytest.mark.parametrize("mode", ["all", "topk", "argmax", "threshold", "gumbel"])
def test_selectors_learn_in_every_mode(mode: str) -> None:
    found = gradients(tiny(), PLANS[mode], weight=0)
    for selector in range(9):
        gradient = found[f"selective_modules.{selector}.mlp.fc2.weight"]
        assert gradient is not None and gradient.abs().max() > 0


def test_what_a_plan_leaves_out_gets_zero_gradients() -> None:
    found = gradients(tiny(), Plan.of({"extra_extractors": 1, "share": 3}))
    for name in ("interactions.3.extra_extractors.1.attn.value_proj.weight", "selective_modules.1.mlp.fc1.weight"):
        assert not found[name].any()  # type: ignore[union-attr]
    for name in ("interactions.3.extra_extractors.0.attn.value_proj.weight", "selective_modules.3.mlp.fc1.weight"):
        assert found[name].any()  # type: ignore[union-attr]


def test_gradient_checkpointing_gives_the_same_gradients() -> None:
    plain, saved = (gradients(tiny(with_cp=with_cp), PLANS["gumbel"]) for with_cp in (False, True))
    for name, gradient in plain.items():
        torch.testing.assert_close(gradient, saved[name], msg=name)


def test_images_that_keep_nothing_train_without_harm() -> None:
    model = tiny()
    for selector in model.selective_modules:
        selector.mlp["fc2"].bias.data.copy_(torch.tensor([-50.0, 50.0]))
    found = gradients(model, PLANS["argmax"])
    assert all(torch.isfinite(gradient).all() for gradient in found.values() if gradient is not None)
    model.eval()
    with torch.no_grad():
        evaluated = model(image(2), PLANS["argmax"])
        model.training = True
        for a, b in zip(evaluated, model(image(2), PLANS["argmax"]), strict=True):
            torch.testing.assert_close(a, b)


def test_stochastic_depth_drops_branches_of_whole_images() -> None:
    model, x = tiny(drop_path_rate=0.9), image(2)
    torch.manual_seed(0)
    found = [model.train()(x)[2] for _ in range(2)]
    assert not torch.equal(*found)


def test_straight_through_decisions() -> None:
    logits = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]], requires_grad=True)
    keep = torch.tensor([[True, False]])
    decided = straight_through(keep, logits, 1.0)
    assert torch.allclose(decided, keep.float(), atol=1e-7)
    decided.sum().backward()
    p = logits.detach().softmax(-1)[..., 0]
    torch.testing.assert_close(logits.grad, torch.stack((p * (1 - p), -p * (1 - p)), -1))
    cooler = straight_through(keep, logits, 0.5)
    assert torch.allclose(cooler, keep.float(), atol=1e-7)


@pytest.mark.parametrize(("per_image", "expected"), [(False, (0.25 + 0.0) / 2), (True, (0.3125 + 0.0625) / 2)])
def test_ratio_loss(per_image: bool, expected: float) -> None:
    # shares 1/2 and 1 where 1/4 is asked; 1/4 and 3/4 where 1/2 is
    first = torch.tensor([[1.0, 0, 1, 0], [1, 1, 1, 1]])
    second = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 0]])
    assert float(ratio_loss([first, second], [0.25, 0.5], per_image)) == pytest.approx(expected)


def test_the_plan_says_what_training_steers_to() -> None:
    model = tiny()
    with torch.no_grad():
        losses = {
            name: float(model.forward_with_losses(image(2), plan)[1]["loss_ratio"])
            for name, plan in {
                "trained": PLANS["argmax"],
                "other": Plan.of({"mode": "argmax", "keep": 0.05}),
                "exact": HALF,
                "all": Plan(),
            }.items()
        }
    assert losses["all"] == 0
    assert losses["exact"] < (0.5 / 24) ** 2
    assert losses["exact"] < losses["trained"] < losses["other"]


def test_steering_moves_the_share_of_kept_tokens() -> None:
    model, plan = tiny(), Plan.of({"mode": "gumbel", "keep": 0.2})
    selectors = [p for name, p in model.named_parameters() if name.startswith("selective_modules")]
    optimizer = torch.optim.Adam(selectors, lr=0.03)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(25):
        _, found = model.train().forward_with_losses(image(2), plan, noise=generator)
        optimizer.zero_grad()
        found["loss_ratio"].backward()
        optimizer.step()
        losses.append(float(found["loss_ratio"].detach()))
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])


def test_plans_of_adaptation_are_drawn_per_group() -> None:
    model, rng = tiny(), random.Random(0)
    plans = [model.draw_plan(rng) for _ in range(50)]
    assert len(set(plans)) > 40
    assert all(model.space((224, 224)).contains(plan) for plan in plans)
    assert all(model.space((640, 480)).contains(plan) for plan in plans)


def test_tables_made_in_inference_mode_serve_training() -> None:
    model = tiny()
    with torch.inference_mode():
        model(image(2), HALF)
    gradients(model, HALF)
