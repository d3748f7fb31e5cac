"""SparseViT: what a forward pass promises beyond the golden tensors."""

import copy
import threading

import pytest
import torch
from torch import Tensor

from models.errors import InputError, PlanError
from models.plan import Plan
from models.sparsevit import SparseViT

PLAN = Plan.of({"stage0": 0.4, "stage1": 0.3, "stage2_2": 0.5, "stage2_3": 0.5})


def tiny(**options: object) -> SparseViT:
    torch.manual_seed(0)
    arguments = {"embed_dims": 8, "num_heads": (2, 2, 4, 4), "drop_path_rate": 0.0, **options}
    return SparseViT(**arguments).eval()  # type: ignore[arg-type]


def image(batch: int = 2, height: int = 84, width: int = 140) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_stochastic_depth_equals_mmdets_rule() -> None:
    rates = [block.drop_path.probability for stage in tiny(drop_path_rate=0.5).stages for block in stage.blocks]
    assert rates == pytest.approx([0.5 * g / 11 for g in range(12)])


def test_images_do_not_influence_each_other() -> None:
    model, x = tiny(), image(3)
    with torch.no_grad():
        together = model(x, PLAN)
        for i in range(3):
            alone = model(x[i : i + 1], PLAN)
            for a, b in zip(together, alone, strict=True):
                torch.testing.assert_close(a[i : i + 1], b, atol=1e-5, rtol=1e-5)


def test_input_is_left_as_it_was() -> None:
    model, x = tiny(), image()
    before = x.clone()
    with torch.no_grad():
        model(x, PLAN)
    assert torch.equal(x, before)


def test_a_pass_leaves_no_trace_in_the_model() -> None:
    model, x = tiny(), image()
    names = set(vars(model))
    with torch.no_grad():
        dense = model(x)
        model(x, PLAN)
        again = model(x)
    assert set(vars(model)) == names
    assert all(torch.equal(a, b) for a, b in zip(dense, again, strict=True))


def test_two_threads_run_two_plans_on_one_model() -> None:
    model, x = tiny(), image()
    plans = [Plan(), PLAN]
    with torch.no_grad():
        expected = [model(x, plan)[3] for plan in plans]
    results: list[list[Tensor]] = [[], []]

    def work(slot: int) -> None:
        with torch.no_grad():
            results[slot] = [model(x, plans[slot])[3] for _ in range(5)]

    threads = [threading.Thread(target=work, args=(slot,)) for slot in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot in (0, 1):
        assert len(results[slot]) == 5
        assert all(torch.allclose(result, expected[slot], atol=1e-6) for result in results[slot])


def test_keeping_more_windows_never_drops_one() -> None:
    model, x = tiny(), image(1, 224, 224)
    kept: dict[float, set[int]] = {}
    for ratio in (0.2, 0.5, 0.8):
        seen: dict[str, Tensor] = {}
        with torch.no_grad():
            model(x, {"stage0": ratio}, seen.__setitem__)
        kept[ratio] = set(seen["s0.b0.kept"].flatten().tolist())
    assert kept[0.8] < kept[0.5] < kept[0.2]


def test_skipped_windows_pass_unchanged() -> None:
    model, x = tiny(), image(1, 224, 224)
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        model(x, {"stage0.0": 1.0, "stage0.1": 1.0}, seen.__setitem__)
        tokens = model.patch_embed(x)
    assert torch.equal(seen["s0.b1.out"], tokens)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (33, 28), (224, 448)])
def test_any_size_works(size: tuple[int, int]) -> None:
    with torch.no_grad():
        outputs = tiny()(torch.randn(1, 3, *size), PLAN)
    assert [tuple(o.shape[2:]) for o in outputs] == list(tiny().geometry.stage_sizes(size))
    assert all(torch.isfinite(o).all() for o in outputs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_model(dtype: torch.dtype) -> None:
    model, x = tiny(), image()
    half = copy.deepcopy(model).to(dtype)
    with torch.no_grad():
        exact, rounded = model(x, {"stage0": 0.4}), half(x.to(dtype), {"stage0": 0.4})
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype == dtype
        assert (a - b.float()).abs().mean() < 0.05


def test_autocast() -> None:
    model, x = tiny(), image()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rounded = model(x, {"stage0": 0.4})
    with torch.no_grad():
        exact = model(x, {"stage0": 0.4})
    assert (exact[3] - rounded[3].float()).abs().mean() < 0.05


def test_gradient_checkpointing_gives_the_same_gradients() -> None:
    gradients = []
    for with_cp in (False, True):
        model = tiny(with_cp=with_cp).train()
        x = image().requires_grad_()
        sum(o.square().mean() for o in model(x, PLAN)).backward()  # type: ignore[union-attr]
        assert x.grad is not None
        gradients.append([x.grad] + [p.grad for p in model.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_every_parameter_gets_a_gradient_even_when_its_block_is_skipped() -> None:
    # distributed training waits for every parameter; a skipped stage must not be missing
    model = tiny().train()
    sum(o.mean() for o in model(image(), {"stage3": 1.0})).backward()  # type: ignore[union-attr]
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_frozen_stages_stay_frozen_in_training() -> None:
    model = tiny(frozen_stages=2).train()
    assert not model.patch_embed.training and not model.stages[1].training and model.stages[2].training
    trainable = {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad and "stages" in name}
    assert trainable == {"2", "3"}


def test_compiles_to_one_graph_per_plan() -> None:
    model, x = tiny(depths=(2, 2), num_heads=(2, 2), out_indices=(0, 1)), image(1)
    plan = Plan.of({"stage0": 0.4})
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for a, b in zip(compiled(x, plan), model(x, plan), strict=True):
            torch.testing.assert_close(a, b)


def test_exported_program_takes_other_batches() -> None:
    model = tiny(depths=(2, 2), num_heads=(2, 2), out_indices=(0, 1))

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = model

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.backbone(x, {"stage0": 0.4})  # type: ignore[no-any-return]

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Fixed().eval(), (image(2),), dynamic_shapes={"x": {0: batch}})
    with torch.no_grad():
        for a, b in zip(program.module()(image(5)), model(image(5), {"stage0": 0.4}), strict=True):
            torch.testing.assert_close(a, b)


def test_tables_made_in_inference_mode_serve_training() -> None:
    model, x = tiny(), image(1, 63, 91)
    with torch.inference_mode():
        model(x, PLAN)
    sum(o.mean() for o in model.train()(x, PLAN)).backward()  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 0, 64)])
def test_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected images of shape \(batch, 3, height, width\); got"):
        tiny()(torch.zeros(shape))


def test_unknown_knob_is_refused_before_any_work() -> None:
    with pytest.raises(PlanError, match="unknown knob 'stage9'"):
        tiny()(image(), {"stage9": 0.1})


def test_contradictory_options_are_refused() -> None:
    with pytest.raises(InputError, match="strides"):
        tiny(strides=(2, 2, 2, 2))
    with pytest.raises(InputError, match="padding='reflect'"):
        tiny(padding="reflect")
