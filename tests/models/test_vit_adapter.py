"""The dense ViT-Adapter: what a forward pass promises beyond the golden tensors."""

import copy
import zlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.errors import InputError, PlanError
from models.svit_variants import VIT_ADAPTER
from models.vit_adapter import ViTAdapter
from models.vit_adapter_prior import SpatialPrior, upsample

TINY = {"embed_dim": 24, "num_heads": 3, "conv_inplane": 4, "deform_num_heads": 3, "drop_path_rate": 0.0}
SIZES = [(1, 1), (33, 64), (70, 150), (336, 32)]


def lively(model: nn.Module) -> Any:
    """Weights under which every part matters, the same for the same name: fresh injectors, for one, add nothing."""
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var") or ("norm" in name and name.endswith("weight")):
                tensor.copy_(1 + 0.1 * noise)
            elif tensor.dim() > 1 and "embed" not in name:
                tensor.copy_(noise * tensor[0].numel() ** -0.5)
            elif tensor.is_floating_point():
                tensor.copy_(noise * 0.3)
    return model.eval()


def tiny(**options: Any) -> ViTAdapter:
    model = lively(ViTAdapter(**{**TINY, **options}))
    assert isinstance(model, ViTAdapter)
    return model


def image(batch: int = 2, height: int = 64, width: int = 96) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def outputs(model: nn.Module, x: Tensor, *arguments: Any, **options: Any) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return model(x, *arguments, **options)  # type: ignore[no-any-return]


def furthest(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> float:
    return max(float((x.float() - y.float()).abs().max()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_any_size_works(size: tuple[int, int]) -> None:
    maps = outputs(tiny(), image(1, *size))
    expected = [tuple(-(-side // stride) for side in size) for stride in (4, 8, 16, 32)]
    assert [tuple(found.shape[2:]) for found in maps] == expected
    # contiguous, for operators that do not look at strides
    assert all(found.shape[1] == 24 and torch.isfinite(found).all() and found.is_contiguous() for found in maps)


def test_padding_is_zeros_at_the_bottom_and_at_the_right() -> None:
    model, x = tiny(), image(1, 50, 90)
    padded = nn.functional.pad(x, (0, 6, 0, 14))
    for ours, whole in zip(outputs(model, x), outputs(model, padded), strict=True):
        assert torch.equal(ours, whole[:, :, : ours.shape[2], : ours.shape[3]])


def test_images_do_not_influence_each_other() -> None:
    model, x = tiny(window_size=(2, None) * 6), image(3)
    together = outputs(model, x)
    for index in range(3):
        alone = outputs(model, x[index : index + 1])
        assert furthest(tuple(found[index : index + 1] for found in together), alone) < 1e-4


def test_windows_and_scales_take_part() -> None:
    x = image(1)
    reference = outputs(tiny(), x)
    model = tiny(layer_scale=True, window_size=(2, 3, None) * 4)
    state = {**model.state_dict(), **tiny().state_dict()}
    scaled = ViTAdapter(**TINY, layer_scale=True)  # type: ignore[arg-type]
    scaled.load_state_dict(state | {k: torch.ones_like(v) for k, v in state.items() if "gamma1" in k or "gamma2" in k})
    assert furthest(reference, outputs(scaled.eval(), x)) < 1e-5
    scaled.load_state_dict(state)
    assert furthest(reference, outputs(scaled, x)) > 1e-2
    model.load_state_dict(scaled.state_dict())
    assert furthest(outputs(scaled, x), outputs(model, x)) > 1e-3


def test_a_window_as_large_as_the_map_is_attention_among_all() -> None:
    x = image(1, 64, 64)
    assert furthest(outputs(tiny(), x), outputs(tiny(window_size=(4,) * 12), x)) < 1e-5


@pytest.mark.parametrize("option", [{"with_cffn": False}, {"use_extra_extractor": False}, {"deform_ratio": 0.5}])
def test_structural_options_change_weights_and_result(option: dict[str, Any]) -> None:
    plain, other = tiny(), tiny(**option)
    assert sum(p.numel() for p in other.parameters()) < sum(p.numel() for p in plain.parameters())
    assert furthest(outputs(plain, image(1)), outputs(other, image(1))) > 1e-3
    assert other.work({}, (64, 96)).macs < plain.work({}, (64, 96)).macs


def test_tokens_are_added_to_all_maps() -> None:
    found = zip(outputs(tiny(), image(1)), outputs(tiny(add_vit_feature=False), image(1)), strict=True)
    assert all((a - b).abs().max() > 1e-2 for a, b in found)


def test_norms_of_convolutions_are_folded_in_evaluation_only() -> None:
    prior, x, levels = lively(SpatialPrior(4, 8)), image(2), torch.zeros(3, 8)
    plain = prior.stem(x)
    maps = [plain]
    for block in (prior.conv2, prior.conv3, prior.conv4):
        maps.append(block(maps[-1]))
    expected = [layer(m) for layer, m in zip((prior.fc1, prior.fc2, prior.fc3, prior.fc4), maps, strict=True)]
    finest, tokens = prior(x, levels)
    torch.testing.assert_close(finest.permute(0, 3, 1, 2), expected[0], atol=1e-5, rtol=1e-5)
    rest = torch.cat([found.flatten(2).transpose(1, 2) for found in expected[1:]], 1)
    torch.testing.assert_close(tokens, rest, atol=1e-5, rtol=1e-5)
    before = prior.stem[1].running_mean.clone()
    prior.train()(x, levels)
    assert not torch.equal(before, prior.stem[1].running_mean)


def test_upsampling_is_the_transposed_convolution() -> None:
    layer, tokens = nn.ConvTranspose2d(6, 4, 2, stride=2), torch.randn(2, 15, 6)
    expected = layer(tokens.transpose(1, 2).reshape(2, 6, 3, 5))
    torch.testing.assert_close(upsample(tokens, (3, 5), layer).permute(0, 3, 1, 2), expected)


def test_a_pass_leaves_no_trace_in_the_model() -> None:
    model, x = tiny(), image()
    names, before = set(vars(model)), x.clone()
    first = outputs(model, x)
    outputs(model, image(1, 40, 40))
    assert all(torch.equal(a, b) for a, b in zip(first, outputs(model, x), strict=True))
    assert set(vars(model)) == names and torch.equal(x, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_model(dtype: torch.dtype) -> None:
    model, x = tiny(), image(1)
    rounded = outputs(copy.deepcopy(model).to(dtype), x.to(dtype))
    assert all(found.dtype == dtype for found in rounded)
    for exact, half in zip(outputs(model, x), rounded, strict=True):
        assert (exact - half.float()).abs().mean() < 0.05 * exact.std()


def test_autocast() -> None:
    model, x = tiny(), image(1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = outputs(model, x)
    for exact, half in zip(outputs(model, x), rounded, strict=True):
        assert (exact - half.float()).abs().mean() < 0.05 * exact.std()


def test_builds_and_runs_on_the_meta_device() -> None:
    with torch.device("meta"):
        maps = ViTAdapter(**TINY).eval()(torch.empty(2, 3, 70, 90))  # type: ignore[arg-type]
    assert [tuple(found.shape[2:]) for found in maps] == [(18, 23), (9, 12), (5, 6), (3, 3)]


def test_gradient_checkpointing_gives_the_same_gradients() -> None:
    found = []
    for with_cp in (False, True):
        model = tiny(with_cp=with_cp).train()
        torch.stack([m.square().mean() for m in model(image(2))]).sum().backward()
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert all(gradient is not None for gradient in found[0].values())
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], msg=name)


def counted_macs(model: nn.Module, x: Tensor, channels: int, *arguments: Any) -> float:
    """What torch counts, and the look-ups between pixels, which it does not: 4 neighbours of 4 points per level."""
    tokens = x.shape[2] * x.shape[3] / 256
    # the fused kernel of CPUs is not counted
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        outputs(model, x, *arguments)
    return counter.get_total_flops() / 2 + 4 * 4 * channels * (4 * 3 * tokens + 6 * 21 * tokens / 4)


@pytest.mark.parametrize("windows", [None, (2, 3, None) * 4])
def test_work_is_what_torch_counts(windows: tuple[int | None, ...] | None) -> None:
    model = tiny(window_size=windows)
    assert model.work({}, (96, 160)).macs == counted_macs(model, image(1, 96, 160), 24)


@pytest.mark.parametrize("name", VIT_ADAPTER)
def test_geometry_of_every_size_is_that_of_the_model(name: str) -> None:
    size = VIT_ADAPTER[name]
    with torch.device("meta"):
        model = ViTAdapter(**size.options).eval()
        assert model.adapter == size.geometry
        macs = counted_macs(model, torch.empty(1, 3, 448, 448), size.embed_dim)
    assert size.geometry.work({}, (448, 448)).macs == macs


def test_space_is_one_plan() -> None:
    space = tiny().space((64, 64))
    assert len(space) == 1 and dict(space.dense) == {}


def test_knobs_are_refused() -> None:
    with pytest.raises(PlanError, match=r"a dense ViT-Adapter has no knobs; got keep4\. Build an SViT"):
        tiny()(image(1), {"keep4": 0.5})


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 0, 64)])
def test_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected images of shape \(batch, 3, height, width\); got"):
        tiny()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 5}, "embed_dim=24 cannot be divided among num_heads=5"),
        ({"deform_num_heads": 5}, "cannot be divided among 5 heads"),
        ({"interaction_indexes": [(0, 5), (4, 11)]}, "must be \\(first, last\\) blocks in rising order"),
        ({"interaction_indexes": [(0, 12)]}, "below depth 12"),
        ({"window_size": (2, 2)}, "one window per block"),
    ],
)
def test_contradictory_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(**options)
