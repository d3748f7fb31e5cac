"""Swin with clustering, for images and clips: what a forward pass promises beyond the golden tensors."""

import copy
import threading

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.errors import InputError, PlanError
from models.hourglass_swin import HourglassSwin
from models.plan import Plan
from models.video_swin import VideoSwin

Backbone = HourglassSwin | VideoSwin
SMALL = {"embed_dims": 8, "depths": (1, 2, 4, 1), "num_heads": (1, 2, 2, 4), "drop_path_rate": 0.0}
IMAGE_PLAN = Plan.of({"location": 4, "grid": "3x3", "temperature": 0.1, "k": 4})
VIDEO_PLAN = Plan.of({"location": 4, "grid": "2x3x3", "temperature": 0.1, "k": 4})


def settled(model: Backbone) -> Backbone:
    """The same weights for all, large enough that every block matters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            elif name.endswith("bias"):
                parameter.zero_()
    return model.eval()


def image_model(**options: object) -> HourglassSwin:
    model = settled(HourglassSwin(**{"window_size": 5, **SMALL, **options}))  # type: ignore[arg-type]
    assert isinstance(model, HourglassSwin)
    return model


def video_model(**options: object) -> VideoSwin:
    model = settled(VideoSwin(**{"frames": 8, "window_size": (2, 5, 5), **SMALL, **options}))  # type: ignore[arg-type]
    assert isinstance(model, VideoSwin)
    return model


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def image(batch: int = 1, height: int = 130, width: int = 170) -> Tensor:
    return noise(batch, 3, height, width)


def clip(batch: int = 1, frames: int = 8, height: int = 130, width: int = 170) -> Tensor:
    return noise(batch, 3, frames, height, width)


def run(model: Backbone, x: Tensor, plan: Plan | dict | None = None, **options: object) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return model(x, {} if plan is None else plan, **options)  # type: ignore[no-any-return]


BOTH = pytest.mark.parametrize(
    ("build", "sample", "plan"), [(image_model, image, IMAGE_PLAN), (video_model, clip, VIDEO_PLAN)]
)


@BOTH
def test_dense_is_what_no_plan_means(build, sample, plan) -> None:
    model, x = build(), sample()
    plain = run(model, x)
    for dense in ({"location": 8}, {"location": -1}, {**plan, "location": 8}, model.space((130, 170)).dense):
        assert all(torch.equal(a, b) for a, b in zip(plain, run(model, x, dense), strict=True))
    assert not torch.equal(plain[-1], run(model, x, plan)[-1])


@pytest.mark.parametrize("location", range(8))
def test_clustering_works_at_every_block(location: int) -> None:
    # also at the start of a stage, which the released code for detection ignores, and in any stage
    model, x = image_model(), image()
    maps, dense = run(model, x, {**IMAGE_PLAN, "location": location}), run(model, x)
    stage = [0, 1, 1, 2, 2, 2, 2, 3][location]
    assert all(torch.equal(a, b) for a, b in zip(maps[:stage], dense[:stage], strict=True))
    assert not torch.equal(maps[stage], dense[stage])
    assert torch.isfinite(torch.cat([m.flatten() for m in maps])).all()
    deep = video_model()
    assert torch.isfinite(run(deep, clip(), {**VIDEO_PLAN, "location": location})[0]).all()


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (33, 28), (64, 64), (224, 96)])
@pytest.mark.parametrize("plan", [Plan(), IMAGE_PLAN])
def test_any_image_size_works(size: tuple[int, int], plan: Plan) -> None:
    model = image_model()
    maps = run(model, noise(1, 3, *size), plan)
    assert [tuple(m.shape) for m in maps] == [
        (1, 8 * 2**stage, *s[1:]) for stage, s in enumerate(model.geometry.maps(size))
    ]
    assert all(torch.isfinite(m).all() for m in maps)


@pytest.mark.parametrize("clip_clusters", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 64), (3, 40, 200), (8, 33, 64), (11, 130, 30)])
def test_any_clip_works_also_shorter_than_the_window(shape: tuple[int, int, int], clip_clusters: bool) -> None:
    # the window holds 4 frames of tokens: 8 frames of the clip
    model = video_model(window_size=(4, 5, 5), clip_clusters=clip_clusters)
    frames, height, width = shape
    for plan in ({}, {**VIDEO_PLAN, "grid": "4x3x3"}):
        (found,) = run(model, noise(1, 3, *shape), plan)
        assert found.shape == (1, 64, -(-frames // 2), -(-height // 32), -(-width // 32))
        assert torch.isfinite(found).all()
    work = model.geometry.work({**VIDEO_PLAN, "grid": "4x3x3"}, (height, width), frames)
    small = model.geometry.clustered(model.geometry.maps((height, width), frames)[2], model.geometry.parse(VIDEO_PLAN))
    # a short clip is filled up to the window, and may grow, unless windows of clusters are clipped
    assert work.blocks[-2].kept >= small.windows
    if clip_clusters:
        assert work.blocks[-2].kept <= work.blocks[-2].total


def test_short_clip_grows_when_filled_up_and_shrinks_when_clipped() -> None:
    plan = {"location": 4, "grid": "4x3x3"}
    filled, clipped = (video_model(window_size=(4, 5, 5), clip_clusters=c).geometry for c in (False, True))
    assert [g.work(plan, (160, 160), 2).blocks[5].kept for g in (filled, clipped)] == [4 * 4 * 9, 4 * 9]
    assert filled.maps((160, 160), 2)[2] == (1, 10, 10)


@BOTH
def test_large_maps_run_part_by_part_to_the_same_end(build, sample, plan, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = build(), sample(2)
    whole = [run(model, x, setting) for setting in ({}, {**plan, "k": 9})]
    monkeypatch.setattr("models.hourglass_layers.CACHED", 3000)
    parts = [run(model, x, setting) for setting in ({}, {**plan, "k": 9})]
    for ours, theirs in zip(parts, whole, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@BOTH
def test_samples_do_not_influence_each_other(build, sample, plan) -> None:
    model, x = build(), sample(3)
    for setting in ({}, plan):
        together = run(model, x, setting)
        for i in range(3):
            for a, b in zip(together, run(model, x[i : i + 1], setting), strict=True):
                torch.testing.assert_close(a[i : i + 1], b, atol=2e-4, rtol=1e-4)


@BOTH
def test_a_pass_leaves_no_trace_in_the_model(build, sample, plan) -> None:
    model, x = build(), sample()
    names, before = set(vars(model)), x.clone()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    first = run(model, x)
    run(model, x, plan)
    with pytest.raises(PlanError):
        run(model, x, {**plan, "k": 10_000})
    assert all(torch.equal(a, b) for a, b in zip(first, run(model, x), strict=True))
    assert set(vars(model)) == names and torch.equal(x, before)
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@BOTH
def test_two_threads_run_two_plans_on_one_model(build, sample, plan) -> None:
    model, x, plans = build(), sample(), (Plan(), plan)
    expected = [run(model, x, p)[-1] for p in plans]
    results: list[list[Tensor]] = [[], []]

    def work(slot: int) -> None:
        results[slot] = [run(model, x, plans[slot])[-1] for _ in range(4)]

    threads = [threading.Thread(target=work, args=(slot,)) for slot in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot in (0, 1):
        assert len(results[slot]) == 4
        assert all(torch.allclose(result, expected[slot], atol=1e-4) for result in results[slot])


@BOTH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(build, sample, plan, dtype: torch.dtype) -> None:
    model, x = build(), sample(1)
    for setting in ({}, {**plan, "k": 9, "temperature": 0.02}):
        exact = run(model, x, setting)
        rounded = run(copy.deepcopy(model).to(dtype), x.to(dtype), setting)
        assert all(m.dtype == dtype for m in rounded)
        assert max(float((a - b.float()).abs().mean()) for a, b in zip(exact, rounded, strict=True)) < 0.05
        with torch.autocast("cpu", torch.bfloat16):
            mixed = run(model, x, setting)
        assert max(float((a - b.float()).abs().mean()) for a, b in zip(exact, mixed, strict=True)) < 0.05


@BOTH
def test_gradient_checkpointing_gives_the_same_gradients(build, sample, plan) -> None:
    found = []
    for with_cp in (False, True):
        model = build(with_cp=with_cp).train()
        torch.stack([m.square().mean() for m in model(sample(), plan)]).sum().backward()
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in found[0].items():
        # also the tables that small windows derive theirs from, which the released code replaces
        assert gradient is not None, name
        torch.testing.assert_close(gradient, found[1][name])


def test_frozen_stages_stay_frozen_in_training() -> None:
    for model in (image_model(frozen_stages=2).train(), video_model(frozen_stages=2).train()):
        assert not model.patch_embed.training and not model.layers[1].training and model.layers[2].training
        trainable = {name.split(".")[1] for name, p in model.named_parameters() if p.requires_grad and "layers" in name}
        assert trainable == {"2", "3"}


def counted(model: Backbone, x: Tensor, plan: Plan | dict) -> float:
    """MACs that torch sees; it does not look into fused attention."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        run(model, x, plan)
    return counter.get_total_flops() / 2


@BOTH
@pytest.mark.parametrize("size", [(130, 170), (160, 160)])
def test_work_is_what_torch_counts(build, sample, plan, size: tuple[int, int]) -> None:
    model, x = build(), sample(1, height=size[0], width=size[1])
    for setting in ({}, plan, {**plan, "location": 6, "iterations": 0}, {**plan, "location": 7}):
        assert model.work(setting, size).macs == counted(model, x, setting), setting


def test_work_counts_what_padding_before_the_norm_costs() -> None:
    model, x = image_model(padding="before_norm"), image()
    assert model.work({}, (130, 170)).macs == counted(model, x, {}) > image_model().work({}, (130, 170)).macs


@BOTH
def test_clusters_shrink_the_work_of_later_blocks_alone(build, sample, plan) -> None:
    model = build()
    dense, sparse = model.work({}, (160, 160)).blocks, model.work({**plan, "location": 5}, (160, 160)).blocks
    assert [a == b for a, b in zip(dense, sparse, strict=True)] == [True] * 5 + [False] * 2 + [True]
    assert all(b.sparse and b.kept < b.total and b.macs < a.macs for a, b in zip(dense[5:7], sparse[5:7], strict=True))


def test_quirks_have_names_and_make_a_difference() -> None:
    x, plan = image(), {**IMAGE_PLAN, "neighbourhood": 3}

    def maps(**option: object) -> tuple[Tensor, ...]:
        model = image_model(**option)
        for block in model.layers[2].blocks:  # type: ignore[union-attr]
            torch.nn.init.ones_(block.norm1.bias)  # type: ignore[arg-type, union-attr]
        return run(model, x, plan)

    released = maps()
    for option in ({"shift_mask": "own"}, {"label_map": "trilinear"}, {"row_norm": "sum"}, {"padding": "before_norm"}):
        # the norm behind the third stage forgives what merging before the fourth does not: the size of a token
        assert not torch.allclose(released[3], maps(**option)[3], atol=1e-3), option
    # 4 x 4 tokens in the last stage: less than a window
    x, plan = clip(1, 8, 100, 100), Plan.of({**VIDEO_PLAN, "neighbourhood": 3})
    released = run(video_model(), x, plan)
    for option in ({"clipped_bias": "exact"}, {"label_map": "nearest"}, {"row_norm": "sum"}):
        assert not torch.allclose(released[0], run(video_model(**option), x, plan)[0], atol=1e-3), option
    short = (clip(1, 2), {**VIDEO_PLAN, "grid": "2x3x3"})
    filled, clipped = (run(video_model(clip_clusters=c), *short)[0] for c in (False, True))
    assert not torch.allclose(filled, clipped, atol=1e-3)


def test_clipping_changes_nothing_where_windows_fit() -> None:
    x = clip(1, 4, 160, 160)
    kept, clipped = (run(video_model(clip_clusters=c), x, VIDEO_PLAN) for c in (False, True))
    assert torch.equal(kept[0], clipped[0])


def test_an_image_is_a_clip_of_one_frame() -> None:
    flat = image_model(label_map="nearest", shift_mask="own")
    deep = settled(VideoSwin(frames=1, patch_size=(1, 4, 4), window_size=(1, 5, 5), label_map="nearest", **SMALL))  # type: ignore[arg-type]
    state = {name: value for name, value in flat.state_dict().items() if not name.startswith("norm")}
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].unsqueeze(2)
    deep.load_state_dict({**deep.state_dict(), **state})
    flat.get_submodule("norm3").load_state_dict(deep.norm.state_dict())  # type: ignore[union-attr, operator]
    # every map holds whole windows and more than one along each axis: nothing is clipped
    x = image(1, 320, 320)
    torch.testing.assert_close(run(deep, x.unsqueeze(2), IMAGE_PLAN)[0][:, :, 0], run(flat, x, IMAGE_PLAN)[3])


def test_grids_need_not_be_square() -> None:
    model, plan = image_model(), {"location": 4, "grid": "3x2", "k": 6}
    # turned by a quarter, kernels, tables and merging too, the network sees the same
    turned = image_model()
    with torch.no_grad():
        for name, parameter in turned.named_parameters():
            if name == "patch_embed.proj.weight":
                parameter.copy_(parameter.mT.clone())
            elif name.endswith("table"):
                parameter.copy_(parameter.view(9, 9, -1).transpose(0, 1).flatten(0, 1).clone())
            elif ".downsample." in name:
                patches = parameter.view(*parameter.shape[:-1], 4, -1)[..., [0, 2, 1, 3], :]
                parameter.copy_(patches.reshape(parameter.shape))
    maps, theirs = run(model, image(), plan), run(turned, image().mT.contiguous(), {**plan, "grid": "2x3"})
    for mine, other in zip(maps, theirs, strict=True):
        torch.testing.assert_close(mine, other.mT, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(maps[2], run(model, image(), {**plan, "grid": "2x3"})[2], atol=1e-3)


def test_compiles_to_one_graph_per_plan() -> None:
    model, x = image_model(depths=(1, 1, 2, 1)), image()
    setting = Plan.of({**IMAGE_PLAN, "location": 3, "iterations": 1})
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for a, b in zip(compiled(x, setting), model(x, setting), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_exported_program_takes_other_batches() -> None:
    model, setting = video_model(depths=(1, 1, 2, 1)), Plan.of({**VIDEO_PLAN, "location": 3, "iterations": 1})

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = model

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.backbone(x, setting)  # type: ignore[no-any-return]

    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(Fixed().eval(), (clip(2),), dynamic_shapes={"x": {0: batch}})
    with torch.no_grad():
        for a, b in zip(program.module()(clip(4)), model(clip(4), setting), strict=True):
            torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-4)


@BOTH
def test_tables_made_in_inference_mode_serve_training(build, sample, plan) -> None:
    model, x = build(), sample(1, height=93, width=77)
    with torch.inference_mode():
        model(x, plan)
    torch.stack([m.mean() for m in model.train()(x, plan)]).sum().backward()


def test_pictures_number_the_clusters() -> None:
    (picture,) = image_model().pictures(image(2), IMAGE_PLAN)
    assert (picture.title, picture.kind, picture.cell) == ("stage 2, block 1", "groups", (16.0, 16.0))
    # 130 x 170 pixels: 9 x 11 tokens, 2 x 3 windows of 9 clusters
    assert picture.values.shape == (2, 9, 11) and picture.values.dtype == torch.int64
    assert picture.values.min() >= 0 and picture.values.max() < 54
    assert picture.values[0, :5, :5].max() < 9 <= picture.values[0, :5, 5:].min()
    (picture,) = video_model().pictures(clip(1, 7), VIDEO_PLAN)
    assert picture.values.shape == (1, 7, 9, 11)
    assert torch.equal(picture.values[:, 0], picture.values[:, 1])
    assert image_model().pictures(image(), {}) == ()


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 4, 64, 64), (1, 3, 0, 64), (1, 3, 4, 64, 64)])
def test_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected images of shape \(batch, 3, height, width\); got"):
        image_model()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(3, 8, 64, 64), (1, 4, 8, 64, 64), (1, 3, 0, 64, 64)])
def test_no_clip_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected clips of shape \(batch, 3, frames, height, width\); got"):
        video_model()(torch.zeros(shape))


def test_contradictory_options_are_refused() -> None:
    for options, message in (
        ({"shift_mask": "old"}, "shift_mask='old' must be 'trained' or 'own'"),
        ({"padding": "none"}, "padding='none' must be"),
        ({"num_heads": (1, 2)}, "one entry per stage"),
    ):
        with pytest.raises(InputError, match=message):
            image_model(**options)
    with pytest.raises(InputError, match="as many as depths"):
        video_model(num_heads=(1, 2))
    for options, message in (({"neighbourhood": 4}, "an odd number"), ({"grid": "9x9"}, "at most 5x5")):
        with pytest.raises(PlanError, match=message):
            image_model(**options)
