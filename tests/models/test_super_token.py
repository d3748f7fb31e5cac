"""STViT: what a forward pass promises beyond the golden tensors."""

import copy
import threading
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from benchmarks.textbook_super_tokens import classify
from models.errors import InputError, ModelError, PlanError
from models.plan import Plan
from models.super_token import SuperTokenClassifier, SuperTokenTrunk, SuperTokenViT
from models.super_token_variants import STVIT
from models.zoo import ZOO, build

Model = TypeVar("Model", bound=SuperTokenTrunk)

TINY = {"embed_dims": (8, 16, 24, 32), "depths": (2, 1, 2, 1), "num_heads": (1, 2, 3, 4)}
PLAN = Plan.of({"grid0": "16x8", "grid1.0": 8, "iters1": 2, "grid2": 2, "refine2.1": "none"})


def classifier(**options: object) -> SuperTokenClassifier:
    torch.manual_seed(0)
    arguments = {**TINY, "num_classes": 10, "projection": 16, "layer_scale": (None, None, 0.5, 0.5), **options}
    return settled(SuperTokenClassifier(**arguments))  # type: ignore[arg-type]


def backbone(**options: object) -> SuperTokenViT:
    torch.manual_seed(0)
    return settled(SuperTokenViT(**{**TINY, **options}))  # type: ignore[arg-type]


def settled(model: Model) -> Model:
    """The model in evaluation mode, with running statistics that are no identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return model.eval()


def image(batch: int = 2, height: int = 72, width: int = 100) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (33, 28), (64, 128), (75, 109)])
@pytest.mark.parametrize("plan", [{}, PLAN])
def test_any_size_and_grid_works(size: tuple[int, int], plan: Plan) -> None:
    model = backbone()
    with torch.no_grad():
        maps = model(torch.randn(2, 3, *size), plan)
        logits = classifier()(torch.randn(2, 3, *size), plan)
    sizes = model.geometry.stage_sizes(size)
    assert [tuple(m.shape) for m in maps] == [(2, c, *s) for c, s in zip(TINY["embed_dims"], sizes, strict=True)]
    assert logits.shape == (2, 10)
    assert all(torch.isfinite(m).all() for m in (*maps, logits))


@pytest.mark.parametrize("size", [(64, 64), (75, 109)])
def test_equals_the_textbook(size: tuple[int, int]) -> None:
    model, x = classifier(), image(2, *size)
    with torch.no_grad():
        for grid in ((8, 4, 1, 1), (4, 4, 2, 2)):
            plan = {f"grid{stage}": side for stage, side in enumerate(grid)}
            expected = classify(model.state_dict(), x, (2, 1, 2, 1), (1, 2, 3, 4), grid)
            torch.testing.assert_close(model(x, plan), expected, atol=1e-6, rtol=1e-6)


def test_large_maps_take_the_fast_convolutions_to_the_same_end() -> None:
    # from 128 tokens and 20480 numbers on, 1 x 1 convolutions run elsewhere
    model, x = classifier(embed_dims=(48, 96, 48, 48), num_heads=(1, 2, 3, 4)), image(1, 128, 128)
    with torch.no_grad():
        expected = classify(model.state_dict(), x, (2, 1, 2, 1), (1, 2, 3, 4), (8, 4, 1, 1))
        torch.testing.assert_close(model(x), expected, atol=2e-6, rtol=2e-6)


def test_a_plan_does_what_the_constructor_does() -> None:
    built, asked, x = backbone(grid=(8, 4, 2, 2), iterations=(2, 1, 1, 1)), backbone(), image()
    with torch.no_grad():
        for a, b in zip(built(x), asked(x, {"grid3": 2, "iters0": 2}), strict=True):
            assert torch.equal(a, b)


def test_stage_maps_are_those_of_the_classifier_before_its_downsampling() -> None:
    whole, x = classifier(grid="detection", layer_scale=(None,) * 4), image()
    features = backbone(out_indices=(1, 3))
    features.load_state_dict({k: v for k, v in whole.state_dict().items() if k in features.state_dict()})
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        whole(x, trace=seen.__setitem__)
        for stage, output in zip((1, 3), features(x), strict=True):
            assert torch.equal(output, seen[f"s{stage}.out"].permute(0, 3, 1, 2)) and output.is_contiguous()


def test_output_norms_are_per_stage_and_over_channels() -> None:
    plain, normed, x = backbone(), backbone(out_norm=True), image()
    assert {k for k in normed.state_dict() if "extra" in k} == {
        f"extra_norms.{stage}.{part}" for stage in range(4) for part in ("weight", "bias")
    }
    normed.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        for a, b in zip(plain(x), normed(x), strict=True):
            mean, variance = a.mean(1, keepdim=True), a.var(1, keepdim=True, correction=0)
            torch.testing.assert_close(b, (a - mean) / (variance + 1e-5).sqrt(), atol=1e-5, rtol=1e-5)


def test_batch_norm_is_frozen_while_a_detector_trains() -> None:
    x = image()
    for norm_eval in (True, False):
        model = backbone(norm_eval=norm_eval).train()
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        model(x)
        changed = any(not torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
        assert changed != norm_eval and model.patch_embed.training


def test_stochastic_depth_grows_linearly() -> None:
    model = classifier(drop_path_rate=0.5)
    rates = [block.drop_path.probability for stage in model.layers for block in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_images_do_not_influence_each_other() -> None:
    model, x = classifier(), image(3)
    with torch.no_grad():
        together = model(x, PLAN)
        for i in range(3):
            torch.testing.assert_close(together[i : i + 1], model(x[i : i + 1], PLAN), atol=1e-5, rtol=1e-5)


def test_a_pass_leaves_no_trace_in_model_or_input() -> None:
    model, x = backbone(), image()
    names, before = set(vars(model)), x.clone()
    with torch.no_grad():
        own = model(x)
        model(x, PLAN)
        again = model(x)
    assert set(vars(model)) == names and torch.equal(x, before)
    assert all(torch.equal(a, b) for a, b in zip(own, again, strict=True))


def test_two_threads_run_two_plans_on_one_model() -> None:
    model, x = classifier(), image()
    plans = [Plan(), PLAN]
    with torch.no_grad():
        expected = [model(x, plan) for plan in plans]
    results: list[list[Tensor]] = [[], []]

    def work(slot: int) -> None:
        with torch.no_grad():
            results[slot] = [model(x, plans[slot]) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(slot,)) for slot in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot in (0, 1):
        assert len(results[slot]) == 5
        assert all(torch.allclose(result, expected[slot], atol=1e-6) for result in results[slot])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_model(dtype: torch.dtype) -> None:
    model, x = backbone(), image()
    half = copy.deepcopy(model).to(dtype)
    with torch.no_grad():
        for a, b in zip(model(x, PLAN), half(x.to(dtype), PLAN), strict=True):
            assert b.dtype == dtype and (a - b.float()).abs().mean() < 0.05


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast(dtype: torch.dtype) -> None:
    model, x = classifier(), image()
    with torch.no_grad():
        exact = model(x, PLAN)
    with torch.autocast("cpu", dtype):
        rounded = model.train()(x, PLAN)
        rounded.float().square().mean().backward()
        model.eval()
        with torch.no_grad():
            rounded = model(x, PLAN)
    assert (exact - rounded.float()).abs().mean() < 0.05
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("refine", ["attention", "conv", "none"])
def test_every_trained_parameter_gets_a_gradient(refine: str) -> None:
    model = classifier(refine=refine).train()
    model(image(), {"grid2": 2, "grid3": "2x3"}).square().mean().backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert {n.split(".")[-2] for n, p in model.named_parameters() if not p.requires_grad} == {"unfold", "fold"}


@pytest.mark.parametrize("name", [*STVIT, *(f"{name}_backbone" for name in STVIT)])
def test_full_size_models_build_without_memory_and_declare_their_space(name: str) -> None:
    with torch.device("meta"):
        model = build(name).eval()
        assert isinstance(model, SuperTokenTrunk)
        output = model(torch.empty(1, 3, 224, 224))  # type: ignore[operator]
    shapes = [tuple(part.shape) for part in output] if isinstance(output, tuple) else tuple(output.shape)
    dims = STVIT[name.removesuffix("_backbone")].embed_dims
    pyramid = [(1, channels, side, side) for channels, side in zip(dims, (56, 28, 14, 7), strict=True)]
    assert shapes == (pyramid if name.endswith("_backbone") else (1, 1000))
    size = ZOO[name][1].input_size
    space = model.space(size)
    assert model.work(space.sparsest, size).macs < model.work(space.dense, size).macs == model.work({}, size).macs


def test_unknown_name_lists_all() -> None:
    with pytest.raises(ModelError, match=r"sparsevit_tiny.*stvit_large_backbone.*stvit_small"):
        build("stvit_huge")


def test_compiles_to_one_graph_per_plan() -> None:
    model, x = classifier(), image(1)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for plan in (Plan(), PLAN):
            torch.testing.assert_close(compiled(x, plan), model(x, plan), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("plan", [Plan(), PLAN])
def test_exported_program_takes_other_batches(plan: Plan) -> None:
    model = backbone()

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = model

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.backbone(x, plan)  # type: ignore[no-any-return]

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Fixed().eval(), (image(2),), dynamic_shapes={"x": {0: batch}})
    with torch.no_grad():
        for size in (1, 5):
            for a, b in zip(program.module()(image(size)), model(image(size), plan), strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 0, 64)])
def test_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected images of shape \(batch, 3, height, width\); got"):
        backbone()(torch.zeros(shape))


@pytest.mark.parametrize("plan", [{"grid9": 2}, {"grid0": 0}, {"iters0": 0}, {"refine0": "conv"}, {"stage0": 0.3}])
def test_plans_out_of_space_are_refused_before_any_work(plan: dict[str, object]) -> None:
    with pytest.raises(PlanError):
        classifier()(image(), plan)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grid": "huge"}, "one of classification, detection, hires"),
        ({"grid": (8, 4, 1)}, "one entry per stage"),
        ({"depths": (1, 1)}, "one entry per stage"),
        ({"num_heads": (3, 2, 3, 4)}, "8 channels cannot be divided among 3 heads"),
        ({"refine": "mean"}, "refine='mean'"),
        ({"out_indices": (4,)}, r"out_indices=\(4,\) must name some of the stages 0 to 3"),
    ],
)
def test_contradictory_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        backbone(**options)
