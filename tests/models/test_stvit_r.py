"""STViT-R: what a forward pass promises beyond the golden tensors."""

import copy
import threading

import pytest
import torch
from torch import Tensor

from models.errors import InputError, PlanError
from models.plan import Plan
from models.stvit_r import STViTR
from models.stvit_r_cls import STViTRClassifier

PLAN = Plan.of({"dumbbell1_s": 2, "dumbbell1_k2": 7, "dumbbell1_r": 1, "dumbbell2": False})
SIZES = [(1, 1), (5, 300), (33, 28), (150, 230), (224, 448)]


def sharp(model: torch.nn.Module) -> torch.nn.Module:
    """The same weights for all, under which every block matters: fresh layer scales are 1e-5."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "layer_scale" in name:
                parameter.fill_(0.5)
            elif parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
            elif name.endswith("bias"):
                parameter.zero_()
    return model.eval()


def tiny(**options: object) -> STViTR:
    arguments = {"embed_dims": 8, "depths": (1, 2, 12, 1), "num_heads": (1, 2, 4, 4), "drop_path_rate": 0.0, **options}
    model = sharp(STViTR(**arguments))  # type: ignore[arg-type]
    assert isinstance(model, STViTR)
    return model


def classifier(**options: object) -> STViTRClassifier:
    arguments = {"embed_dims": 8, "depths": (1, 2, 12, 1), "num_heads": (1, 2, 4, 4), "drop_path_rate": 0.0, **options}
    model = sharp(STViTRClassifier(num_classes=5, **arguments))  # type: ignore[arg-type]
    assert isinstance(model, STViTRClassifier)
    return model


def image(batch: int = 2, height: int = 150, width: int = 230) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def outputs(model: torch.nn.Module, x: Tensor, plan: Plan | None = None) -> tuple[Tensor, ...]:
    """What either network puts out, as a tuple."""
    with torch.no_grad():
        found = model(x, Plan() if plan is None else plan)
    return found if isinstance(found, tuple) else (found,)


def mean_difference(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> float:
    return max(float((x - y.float()).abs().mean()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("plan", [Plan(), PLAN])
@pytest.mark.parametrize("size", SIZES)
def test_any_size_works(size: tuple[int, int], plan: Plan) -> None:
    model = tiny()
    maps = outputs(model, torch.randn(1, 3, *size), plan)
    assert [tuple(o.shape[2:]) for o in maps] == list(model.geometry.stage_sizes(size))
    assert [o.shape[1] for o in maps] == [8, 16, 32, 64]
    assert all(torch.isfinite(o).all() for o in maps)
    assert model.work(plan, size).macs > 0


def test_every_plan_of_one_step_runs_and_changes_the_result() -> None:
    # 3 x 5 windows: a recovery radius of 4 sees more than one of 2
    model, x = tiny(), image(1, 300, 460)
    reference = outputs(model, x)
    plans = model.space((300, 460)).neighbours({})
    assert len(plans) == 9
    for plan in plans:
        assert mean_difference(reference[2:], outputs(model, x, plan)[2:]) > 1e-6, plan


@pytest.mark.parametrize("mask", ["original", "exact", "none"])
def test_masks_agree_where_no_key_window_leaves_the_map(mask: str) -> None:
    # k = 7 and r = 0: every window sees itself alone, and 14 x 14 tokens are whole windows
    plan = Plan.of({"dumbbell_k1": 7, "dumbbell_k2": 7, "dumbbell_r": 0})
    x = image(1, 224, 224)
    assert mean_difference(outputs(tiny(), x, plan), outputs(tiny(mask=mask), x, plan)) < 1e-6


def test_masks_differ_at_the_border() -> None:
    x = image(1)
    found = [outputs(tiny(mask=mask), x) for mask in ("original", "exact", "none")]
    assert min(mean_difference(found[i][2:], found[j][2:]) for i, j in ((0, 1), (0, 2), (1, 2))) > 1e-4


@pytest.mark.parametrize("network", [tiny, classifier])
def test_images_do_not_influence_each_other(network: type) -> None:
    model, x = network(), image(3, 224, 224)
    together = outputs(model, x, Plan.of({"dumbbell1_s": 2}))
    for i in range(3):
        alone = outputs(model, x[i : i + 1], Plan.of({"dumbbell1_s": 2}))
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i : i + 1], b, atol=1e-4, rtol=1e-4)


def test_a_pass_leaves_no_trace_in_the_model() -> None:
    model, x = tiny(), image()
    names, before = set(vars(model)), x.clone()
    first = outputs(model, x)
    outputs(model, x, PLAN)
    assert all(torch.equal(a, b) for a, b in zip(first, outputs(model, x), strict=True))
    assert set(vars(model)) == names and torch.equal(x, before)


def test_two_threads_run_two_plans_on_one_model() -> None:
    model, x, plans = tiny(), image(1), (Plan(), PLAN)
    expected = [outputs(model, x, plan)[3] for plan in plans]
    results: list[list[Tensor]] = [[], []]

    def work(slot: int) -> None:
        results[slot] = [outputs(model, x, plans[slot])[3] for _ in range(5)]

    threads = [threading.Thread(target=work, args=(slot,)) for slot in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot in (0, 1):
        assert len(results[slot]) == 5
        assert all(torch.allclose(result, expected[slot], atol=1e-5) for result in results[slot])


def test_a_dropped_dumbbell_passes_the_map_unchanged() -> None:
    model, x = tiny(), image(1)
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(x, {"dumbbell2": False}, seen.__setitem__)
    shorter = tiny(depths=(1, 2, 6, 1))
    shorter.load_state_dict({k: v for k, v in model.state_dict().items() if k in shorter.state_dict()})
    assert "s2.b5.out" in seen and "s2.b6.out" not in seen
    assert mean_difference(outputs(shorter, x), outputs(model, x, Plan.of({"dumbbell2": False}))) < 1e-6


def test_absolute_positions_and_convolutional_ones_take_part() -> None:
    x = image(1)
    for option in ("use_abs_pos_embed", "use_conv_pos"):
        model = tiny(**{option: True})
        with torch.no_grad():
            plain = tiny()
            plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in plain.state_dict()})
        assert mean_difference(outputs(plain, x)[2:], outputs(model, x)[2:]) > 1e-4, option


@pytest.mark.parametrize("network", [tiny, classifier])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_model(network: type, dtype: torch.dtype) -> None:
    # at 224 the map is whole windows, where the released masks would be -1000 everywhere
    model, x = network(), image(1, 224, 224)
    rounded = outputs(copy.deepcopy(model).to(dtype), x.to(dtype))
    assert all(o.dtype == dtype for o in rounded)
    assert mean_difference(outputs(model, x), rounded) < 0.05


@pytest.mark.parametrize("network", [tiny, classifier])
def test_autocast(network: type) -> None:
    model, x = network(), image(1, 224, 224)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = outputs(model, x)
    assert mean_difference(outputs(model, x), rounded) < 0.05


def test_long_rows_in_half_precision() -> None:
    model, x = tiny(), image(1, 70, 900)
    assert model.geometry.grid((70, 900)).generate(3, 14, "original").gathered
    assert mean_difference(outputs(model, x), outputs(copy.deepcopy(model).bfloat16(), x.bfloat16())) < 0.05


def gradients(model: torch.nn.Module, x: Tensor, plan: Plan) -> dict[str, Tensor | None]:
    found = model.train()(x, plan)
    torch.stack([o.square().mean() for o in (found if isinstance(found, tuple) else (found,))]).sum().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("network", [tiny, classifier])
def test_gradient_checkpointing_gives_the_same_gradients(network: type) -> None:
    x, plan = image(2, 224, 224), Plan.of({"dumbbell1_s": 2})
    plain, saved = (gradients(network(with_cp=with_cp), x, plan) for with_cp in (False, True))
    for name, gradient in plain.items():
        assert gradient is not None, name
        torch.testing.assert_close(gradient, saved[name])


@pytest.mark.parametrize("network", [tiny, classifier])
def test_every_parameter_gets_a_gradient_even_when_its_dumbbell_is_dropped(network: type) -> None:
    # distributed training waits for every parameter
    found = gradients(network(), image(1, 224, 224), Plan.of({"dumbbell2": False}))
    assert [name for name, gradient in found.items() if gradient is None] == []
    dropped = found["layers.2.blocks.7.attn.q.weight"]
    assert dropped is not None and not dropped.any()


def test_stochastic_depth_drops_windows_of_the_attention_branch() -> None:
    model = tiny(drop_path_rate=0.5).train()
    block = model.layers[2].blocks[5]  # type: ignore[index, union-attr]
    grid = model.geometry.grid((150, 230))
    reach = grid.recover(3, 27, "original")
    torch.manual_seed(0)
    factor = block._window_factor(torch.ones(2, grid.height * grid.width, 32), reach)  # type: ignore[operator]
    image_of = factor.view(2, grid.height, grid.width)
    kept = 1 - block.drop_path.probability  # type: ignore[union-attr]
    values = {round(float(v), 4) for v in factor.flatten()}
    assert values == {0.0, round(1 / float(kept), 4)}  # type: ignore[arg-type]
    assert (image_of[:, :7, :7] == image_of[:, :1, :1]).all()


def test_frozen_stages_stay_frozen_in_training() -> None:
    model = tiny(frozen_stages=2).train()
    assert not model.patch_embed.training and not model.layers[1].training and model.layers[2].training
    trainable = {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad and "layers" in name}
    assert trainable == {"2", "3"}


def test_compiles_to_one_graph_per_plan() -> None:
    model, x = tiny(depths=(1, 1, 6, 1)), image(1, 150, 90)
    plan = Plan.of({"dumbbell1_s": 2, "dumbbell1_r": 1})
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for a, b in zip(compiled(x, plan), model(x, plan), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_exported_program_takes_other_batches() -> None:
    model, plan = tiny(depths=(1, 1, 6, 1)), Plan.of({"dumbbell1_s": 2})

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = model

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.backbone(x, plan)  # type: ignore[no-any-return]

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Fixed().eval(), (image(2, 150, 90),), dynamic_shapes={"x": {0: batch}})
    with torch.no_grad():
        for a, b in zip(program.module()(image(5, 150, 90)), model(image(5, 150, 90), plan), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_tables_made_in_inference_mode_serve_training() -> None:
    model, x = tiny(), image(1, 63, 491)
    with torch.inference_mode():
        model(x, PLAN)
    torch.stack([o.mean() for o in model.train()(x, PLAN)]).sum().backward()


@pytest.mark.parametrize("network", [tiny, classifier])
@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 0, 64)])
def test_input_of_another_shape_is_refused(network: type, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected images of shape \(batch, 3, height, width\); got"):
        network()(torch.zeros(shape))


def test_classifier_refuses_other_sizes() -> None:
    with pytest.raises(InputError, match="defined for images of 224 x 224 pixels; got"):
        classifier()(image(1, 256, 224))


def test_classifier_and_detector_share_weights_but_not_the_function() -> None:
    ours, theirs = tiny(), classifier()
    shared = {k for k in ours.state_dict() if not k.startswith("norm")}
    assert shared == {k for k in theirs.state_dict() if not k.startswith(("norm.", "head."))}
    seen: list[dict[str, Tensor]] = [{}, {}]
    theirs.load_state_dict({k: v for k, v in ours.state_dict().items() if k in shared}, strict=False)
    for model, traced in zip((ours, theirs), seen, strict=True):
        with torch.no_grad():
            model(image(1, 224, 224), trace=traced.__setitem__)
    torch.testing.assert_close(seen[0]["s2.b1.pooled"], seen[1]["s2.b1.pooled"])
    assert not torch.allclose(seen[0]["s2.b1.out"], seen[1]["s2.b1.out"])


def test_unknown_knob_is_refused_before_any_work() -> None:
    with pytest.raises(PlanError, match="unknown knob 'stage2'"):
        tiny()(image(), {"stage2": 0.1})


def test_contradictory_options_are_refused() -> None:
    with pytest.raises(InputError, match="mask='corner'"):
        tiny(mask="corner")
    with pytest.raises(InputError, match="whole dumbbells"):
        tiny(depths=(2, 2, 8, 2))
