"""SparseViT computes on a GPU what it computes on a CPU, in every precision it is timed in."""

import copy

import torch
from torch import Tensor

from models.plan import Plan
from models.sparsevit import SparseViT

SIZE = (224, 168)
SPARSE = Plan.of({"stage0": 0.5, "stage1": 0.3})


def small() -> SparseViT:
    torch.manual_seed(0)
    return SparseViT(embed_dims=32, depths=(2, 2), num_heads=(1, 2), out_indices=(0, 1), drop_path_rate=0.0).eval()


def images(batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def close(got: Tensor, expected: Tensor, tolerance: float) -> bool:
    """Whether they differ by no more than a share of the largest value."""
    return float((got.float().cpu() - expected).abs().max()) <= tolerance * float(expected.abs().max())


def test_dense_and_sparse_agree_with_the_cpu() -> None:
    model, x = small(), images()
    on_gpu = copy.deepcopy(model).cuda()
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        for plan in (Plan(), SPARSE):
            with torch.inference_mode():
                pairs = zip(on_gpu(x.cuda(), plan), model(x, plan), strict=True)
                assert all(close(got, expected, 1e-3) for got, expected in pairs), plan
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_half_precision_stays_near_single_precision() -> None:
    # dense, where rounding cannot change which windows win
    model, x = small(), images()
    for dtype, tolerance in ((torch.float16, 0.02), (torch.bfloat16, 0.1)):
        with torch.inference_mode():
            got = copy.deepcopy(model).to("cuda", dtype)(x.to("cuda", dtype))
            expected = model(x)
        assert all(close(a, b, tolerance) for a, b in zip(got, expected, strict=True)), dtype


def test_the_same_input_and_plan_give_the_same_bits() -> None:
    model, x = small().cuda(), images().cuda()
    with torch.inference_mode():
        first, second = model(x, SPARSE), model(x, SPARSE)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_training_step_gives_finite_gradients() -> None:
    model = small().cuda().train()
    sum(output.square().mean() for output in model(images().cuda(), SPARSE)).backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients)
