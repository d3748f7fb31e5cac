"""Deformable attention: against the definition, against mmcv's reference, at the border, with broken coordinates."""

import importlib

import pytest
import torch
from torch import Tensor

from models.deformable_attention import DeformableAttention, Sizes, reference_places, sample, stands_in
from models.errors import InputError

SIZES: list[Sizes] = [((5, 7),), ((4, 6), (2, 3), (1, 2)), ((1, 8), (3, 1), (1, 1))]


def arguments(sizes: Sizes, images: int = 2, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """Values, x, y and weights; a third of the coordinates lie outside of the maps."""
    generator = torch.Generator().manual_seed(0)
    heads, width, points, queries, places = 3, 4, 2, 5, sum(h * w for h, w in sizes)
    shape = (heads, len(sizes), points, images * queries)
    values = torch.randn(images, places, heads, width, generator=generator, dtype=dtype)
    x, y = (torch.rand(shape, generator=generator, dtype=dtype) * 12 - 3 for _ in range(2))
    return values, x, y, torch.rand(shape, generator=generator, dtype=dtype)


def by_definition(values: Tensor, sizes: Sizes, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Every pixel counts by its distance from the point, less than 1 in both directions."""
    images, _, heads, width = values.shape
    total = torch.zeros(images, heads, x.shape[-1] // images, width, dtype=values.dtype)
    maps = torch.split(values, [h * w for h, w in sizes], 1)
    for level, (height, breadth) in enumerate(sizes):
        near_x = (1 - (x[:, level, ..., None] - torch.arange(breadth)).abs()).clamp_min(0)
        near_y = (1 - (y[:, level, ..., None] - torch.arange(height)).abs()).clamp_min(0)
        pixels = near_y[..., :, None] * near_x[..., None, :] * weights[:, level, ..., None, None]
        shares = pixels.sum(1).view(heads, images, -1, height * breadth)
        total += torch.einsum("hbqs,bshd->bhqd", shares, maps[level])
    return total.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("sizes", SIZES)
def test_samples_between_pixels_and_zero_outside(sizes: Sizes) -> None:
    values, x, y, weights = arguments(sizes)
    torch.testing.assert_close(sample(values, sizes, x, y, weights), by_definition(values, sizes, x, y, weights))


@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_values_coordinates_and_weights(sizes: Sizes) -> None:
    found = []
    for sampler in (sample, by_definition):
        values, x, y, weights = (tensor.requires_grad_() for tensor in arguments(sizes))
        sampler(values, sizes, x, y, weights).square().sum().backward()
        found.append([tensor.grad for tensor in (values, x, y, weights)])
    for ours, expected in zip(*found, strict=True):
        assert expected.abs().max() > 0.1  # type: ignore[union-attr]
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_agrees_with_the_operator_of_mmcv(sizes: Sizes) -> None:
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    from models.deformable_attention_mmcv import through

    def operator(values: Tensor, shapes: Tensor, starts: Tensor, places: Tensor, weights: Tensor, step: int) -> Tensor:
        assert starts.tolist() == [sum(h * w for h, w in sizes[:level]) for level in range(len(sizes))]
        assert step == values.shape[0]
        return multi_scale_deformable_attn_pytorch(values, shapes, places, weights)  # type: ignore[no-any-return]

    values, x, y, weights = arguments(sizes, dtype=torch.float32)
    ours = sample(values, sizes, x, y, weights)
    torch.testing.assert_close(ours, through(operator, values, sizes, x, y, weights), atol=1e-5, rtol=1e-5)


def test_an_mmcv_without_gpu_operators_is_not_used() -> None:
    from mmcv.ops import get_compiling_cuda_version

    from models.deformable_attention_mmcv import sampler

    assert (sampler() is None) == (get_compiling_cuda_version() == "not available")


def test_without_mmcv_there_is_no_compiled_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    from models import deformable_attention

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert deformable_attention._compiled.__wrapped__() is None


def test_heads_start_in_their_own_directions() -> None:
    layer = DeformableAttention(16, 4, 2, 3)
    start = layer.sampling_offsets.bias.view(4, 2, 3, 2)
    right, down = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    for point in range(3):
        torch.testing.assert_close(start[0, :, point], (right * (point + 1)).expand(2, 2), atol=1e-6, rtol=0)
        torch.testing.assert_close(start[1, :, point], (down * (point + 1)).expand(2, 2), atol=1e-6, rtol=0)
    assert not layer.attention_weights.weight.any() and not layer.sampling_offsets.weight.any()


def test_places_are_the_centres_of_pixels() -> None:
    places = reference_places([(1, 2), (2, 1)], torch.device("cpu"))
    assert places.tolist() == [[0.25, 0.5], [0.75, 0.5], [0.5, 0.25], [0.5, 0.75]]
    stands = stands_in(((3, 8),), places)
    assert stands.shape == (2, 1, 1, 4)
    assert stands[0].flatten().tolist() == [1.5, 5.5, 3.5, 3.5] and stands[1].flatten().tolist() == [1, 1, 0.25, 1.75]


def test_images_do_not_influence_each_other() -> None:
    sizes: Sizes = ((4, 6), (2, 3))
    layer = DeformableAttention(12, 3, 2, 2).eval()
    torch.nn.init.normal_(layer.sampling_offsets.weight)
    query, features, places = torch.randn(3, 7, 12), torch.randn(3, 30, 12), stands_in(sizes, torch.rand(7, 2))
    together = layer(query, places, features, sizes)
    for image in range(3):
        one = slice(image, image + 1)
        torch.testing.assert_close(together[one], layer(query[one], places, features[one], sizes), atol=1e-5, rtol=1e-5)


def test_broken_coordinates_spoil_their_own_query_only() -> None:
    sizes: Sizes = ((4, 6),)
    values, x, y, weights = arguments(sizes, dtype=torch.float32)
    x[:, :, :, 1], y[:, :, :, 2] = torch.nan, torch.inf
    found = sample(values, sizes, x, y, weights)
    assert not found[0, 1].isfinite().any()
    assert found[0, 3:].isfinite().all() and found[1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_exact_coordinates(dtype: torch.dtype) -> None:
    # at 100 pixels from the corner, bfloat16 has steps of half a pixel
    sizes: Sizes = ((4, 128),)
    layer = DeformableAttention(8, 2, 1, 1)
    ramp = torch.arange(128.0).repeat(4)[None, :, None].expand(1, -1, 8) / 128
    torch.nn.init.eye_(layer.value_proj.weight)
    torch.nn.init.eye_(layer.output_proj.weight)
    places = stands_in(sizes, torch.tensor([[0.8011, 0.5]]))
    expected = layer(torch.zeros(1, 1, 8), places, ramp, sizes)
    rounded = layer.to(dtype)(torch.zeros(1, 1, 8, dtype=dtype), places, ramp.to(dtype), sizes)
    assert rounded.dtype == dtype
    assert (rounded.float() - expected).abs().max() < 0.004


def test_features_that_are_no_maps_of_these_sizes_are_refused() -> None:
    layer = DeformableAttention(8, 2, 1, 1)
    with pytest.raises(InputError, match=r"features of shape \(1, 11, 8\) are no 1 maps of \(height, width\)"):
        layer(torch.zeros(1, 1, 8), torch.zeros(2, 1, 1, 1), torch.zeros(1, 11, 8), ((3, 4),))


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(InputError, match="10 channels of values cannot be divided among 4 heads"):
        DeformableAttention(10, 4, 1, 1)
