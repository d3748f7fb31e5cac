"""SViT: what its modes keep, and what a forward pass promises beyond the golden tensors."""

import copy
import itertools
import threading
from typing import Any

import pytest
import torch
from torch import Tensor

from models.errors import InputError, PlanError
from models.plan import Plan
from models.svit import SelectiveViTAdapter
from models.svit_convert import convert_dense
from models.svit_decisions import best, gumbel, kept, mask_of
from models.svit_variants import SVIT_ADAPTER
from tests.models.test_vit_adapter import SIZES, TINY, counted_macs, furthest, image, lively, outputs
from tests.models.test_vit_adapter import tiny as dense

HALF = Plan.of({"keep3_5": 0.7, "keep6_8": 0.49, "keep9_11": 0.343})
PLANS = {
    "all": Plan(),
    "topk": HALF,
    "shared": Plan.of({"keep": 0.5, "share": 3}),
    "argmax": Plan.of({"mode": "argmax"}),
    "threshold": Plan.of({"mode": "threshold", "threshold": 0.45, "threshold9_11": 0.6, "threshold4": 0.3}),
    "gumbel": Plan.of({"mode": "gumbel"}),
}


def tiny(**options: Any) -> SelectiveViTAdapter:
    model = lively(SelectiveViTAdapter(**{**TINY, **options}))
    # logits on both sides of 0
    for selector in model.selective_modules:
        torch.nn.init.zeros_(selector.mlp["fc2"].bias)
        selector.mlp["fc2"].weight.data.mul_(3)
    assert isinstance(model, SelectiveViTAdapter)
    return model


def noise(images: int, tokens: int, selectors: int = 9) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [-torch.empty(images, tokens, 2).exponential_(generator=generator).log() for _ in range(selectors)]


def traced(model: SelectiveViTAdapter, x: Tensor, plan: Plan, **options: Any) -> dict[str, Tensor]:
    seen: dict[str, Tensor] = {}
    outputs(model, x, plan, trace=seen.__setitem__, **options)
    return seen


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("size", SIZES)
def test_any_size_works(size: tuple[int, int], plan: Plan) -> None:
    model = tiny()
    maps = outputs(model, image(1, *size), plan)
    expected = [tuple(-(-side // stride) for side in size) for stride in (4, 8, 16, 32)]
    assert [tuple(found.shape[2:]) for found in maps] == expected
    assert all(torch.isfinite(found).all() for found in maps)
    assert model.work(plan, size).macs > 0


def test_all_tokens_of_converted_weights_are_the_dense_network() -> None:
    parent, model = dense(), tiny()
    model.load_state_dict({**model.state_dict(), **convert_dense(parent.state_dict())})
    # norms of sparse blocks add another epsilon
    assert 0 < furthest(outputs(parent, image()), outputs(model, image())) < 2e-4


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_batch_gives_what_its_images_give(plan: Plan) -> None:
    model, x = tiny(), image(3)
    chance = noise(3, 24)
    together = outputs(model, x, plan, noise=chance)
    for index in range(3):
        one = slice(index, index + 1)
        alone = outputs(model, x[one], plan, noise=[given[one] for given in chance])
        assert furthest(tuple(found[one] for found in together), alone) < 1e-4


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_training_and_evaluation_agree_but_for_norms(plan: Plan) -> None:
    # computing all and masking gives what gathering gives
    model, x, chance = tiny(), image(2), noise(2, 24)
    expected = outputs(model, x, plan, noise=chance)
    model.training = True
    assert furthest(expected, outputs(model, x, plan, noise=chance)) < 1e-4


def test_exact_counts_are_the_same_for_every_image() -> None:
    seen = traced(tiny(), image(3), HALF)
    for selector, ratio in enumerate([0.7] * 3 + [0.49] * 3 + [0.343] * 3):
        assert seen[f"selector{selector}.kept"].sum(1).tolist() == [int(24 * ratio + 0.5)] * 3


def test_exact_counts_keep_what_is_kept_most_surely() -> None:
    seen = traced(tiny(), image(2), HALF)
    for selector in range(9):
        logits, keep = seen[f"selector{selector}.logits"], seen[f"selector{selector}.kept"]
        margin = logits[..., 0] - logits[..., 1]
        for image_margin, image_keep in zip(margin, keep, strict=True):
            assert image_margin[image_keep].min() > image_margin[~image_keep].max()


def test_of_equal_tokens_the_first_are_kept() -> None:
    margins = torch.tensor([[0.5, 2.0, 0.5, 0.5, -1.0, 0.5]])
    logits = torch.stack((margins, torch.zeros_like(margins)), -1)
    assert best(logits, 3).tolist() == [[0, 1, 2]]
    assert best(logits, 4).tolist() == [[0, 1, 2, 3]]
    alive = torch.tensor([[False, True, True, False, True, True]])
    assert best(logits, 3, alive).tolist() == [[1, 2, 5]]


def test_keeping_more_never_drops_what_keeping_fewer_kept() -> None:
    logits = torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(0)).mul(4).round()
    before = torch.zeros(2, 50, dtype=torch.bool)
    for count in range(1, 51):
        keep = mask_of(best(logits, count), 50)
        assert keep.sum(1).tolist() == [count, count] and (keep & before).equal(before)
        before = keep


def test_keeping_as_many_as_argmax_keeps_gives_its_result() -> None:
    model, x = tiny(), image(1)
    seen = traced(model, x, PLANS["argmax"])
    counts = [int(seen[f"selector{selector}.kept"].sum()) for selector in range(9)]
    assert all(0 < count < 24 for count in counts)
    exact = Plan.of({f"keep{selector + 3}": count / 24 for selector, count in enumerate(counts)})
    assert furthest(outputs(model, x, PLANS["argmax"]), outputs(model, x, exact)) < 1e-5


def test_a_threshold_of_one_half_is_argmax_and_extremes_keep_all_or_none() -> None:
    model, x = tiny(), image(2)
    half = Plan.of({"mode": "threshold", "threshold": 0.5})
    assert furthest(outputs(model, x, PLANS["argmax"]), outputs(model, x, half)) == 0
    every = outputs(model, x, Plan.of({"mode": "threshold", "threshold": 0}))
    assert furthest(outputs(model, x), every) < 1e-5
    # only the first interaction's blocks, of which a shorter network has no others
    none = outputs(model, x, Plan.of({"mode": "threshold", "threshold": 1}))
    idle = copy.deepcopy(model)
    for block in idle.blocks[3:]:
        for name, parameter in block.named_parameters():
            if "out_proj" in name or "linear2" in name:
                torch.nn.init.zeros_(parameter)
    assert furthest(outputs(idle, x), none) < 1e-5


def test_higher_thresholds_keep_a_part_of_what_lower_ones_kept() -> None:
    model, x = tiny(), image(1)
    masks = [
        traced(model, x, Plan.of({"mode": "threshold", "threshold3": threshold}))["selector0.kept"]
        for threshold in (0.2, 0.5, 0.8)
    ]
    assert masks[0].sum() > masks[1].sum() > masks[2].sum() > 0
    assert (masks[0] | masks[1]).equal(masks[0]) and (masks[1] | masks[2]).equal(masks[1])


def test_noise_decides_at_random_with_the_selectors_probability() -> None:
    logits = torch.tensor([[[0.0, 0.0], [2.0, 1.0], [-1.0, 1.0], [4.0, 0.0]]])
    generator = torch.Generator().manual_seed(0)
    draws = [kept(logits + gumbel(logits, generator, 0), "gumbel", 0.5).float() for _ in range(2000)]
    assert (torch.stack(draws).mean(0) - logits.softmax(-1)[..., 0]).abs().max() < 0.03


def test_noise_is_reproducible_given_a_generator() -> None:
    model, x = tiny(), image(2)
    runs = [outputs(model, x, PLANS["gumbel"], noise=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert furthest(runs[0], runs[1]) == 0
    assert furthest(runs[0], runs[2]) > 1e-3
    torch.manual_seed(5)
    free = outputs(model, x, PLANS["gumbel"])
    torch.manual_seed(5)
    assert furthest(free, outputs(model, x, PLANS["gumbel"])) == 0


def test_skipped_tokens_pass_unchanged_and_may_come_back() -> None:
    model, x = tiny(), image(1)
    seen = traced(model, x, HALF)
    skipped, back = (~seen[f"selector{selector}.kept"] for selector in (1, 2))
    assert (skipped & ~back).any()
    plan = Plan.of({f"keep{block}": 1 / 24 for block in range(3, 12)})
    seen = traced(model, x, plan)
    moved = (seen["interaction1.x"] != seen["interaction1.injector"]).any(-1)
    touched = seen["selector0.kept"] | seen["selector1.kept"] | seen["selector2.kept"]
    assert moved.equal(touched) and not touched.all()


def test_sharing_decides_once_per_interaction() -> None:
    seen = traced(tiny(), image(1), PLANS["shared"])
    assert {name for name in seen if name.endswith("kept")} == {f"selector{j}.kept" for j in (0, 3, 6)}
    model = tiny()
    for selectors in (1, 4, 7):
        for one, other in zip(
            model.selective_modules[selectors - 1].parameters(),
            model.selective_modules[selectors].parameters(),
            strict=True,
        ):
            other.data.copy_(one.data)
    assert furthest(outputs(tiny(), image(1), PLANS["shared"]), outputs(model, image(1), PLANS["shared"])) == 0


def test_those_who_inherit_never_come_back() -> None:
    model, x = tiny(inherit_mask=True), image(2)
    for plan in (HALF, Plan.of({"mode": "argmax"}), Plan.of({"mode": "gumbel"}), Plan.of({"keep3_5": 0.3})):
        seen = traced(model, x, Plan.of({name.split("_")[0]: value for name, value in plan.items()}))
        masks = [seen[name] for name in ("selector0.kept", "selector1.kept", "selector2.kept") if name in seen]
        assert masks
        for before, after in itertools.pairwise(masks):
            assert (before | after).equal(before)
    batch = outputs(model, x, Plan.of({"mode": "argmax"}))
    for index in range(2):
        one = slice(index, index + 1)
        alone = outputs(model, x[one], Plan.of({"mode": "argmax"}))
        assert furthest(tuple(found[one] for found in batch), alone) < 1e-4


def test_extra_extractors_can_be_left_out() -> None:
    model, x = tiny(), image(1)
    shorter = tiny(use_extra_extractor=False)
    none = outputs(model, x, Plan.of({"extra_extractors": 0}))
    assert furthest(none, outputs(shorter, x)) == 0
    assert furthest(none, outputs(model, x, Plan.of({"extra_extractors": 1}))) > 1e-3


@pytest.mark.parametrize("plan", ["all", "topk", "shared"])
def test_work_is_what_torch_counts(plan: str) -> None:
    model = tiny()
    assert model.work(PLANS[plan], (96, 160)).macs == counted_macs(model, image(1, 96, 160), 24, PLANS[plan])


def test_work_of_counted_tokens_is_what_torch_counts() -> None:
    model, x = tiny(), image(1, 96, 160)
    seen = traced(model, x, PLANS["argmax"])
    kept = {selector: int(seen[f"selector{selector}.kept"].sum()) for selector in range(9)}
    work = model.geometry.work_of(PLANS["argmax"], (96, 160), kept)
    assert work.macs == counted_macs(model, x, 24, PLANS["argmax"])
    assert [block.kept for block in work.blocks[3:12]] == list(kept.values())


@pytest.mark.parametrize("name", SVIT_ADAPTER)
def test_geometry_of_every_size_is_that_of_the_model(name: str) -> None:
    size = SVIT_ADAPTER[name]
    with torch.device("meta"):
        model = SelectiveViTAdapter(**size.options).eval()
        assert model.geometry == size.geometry
        macs = counted_macs(model, torch.empty(1, 3, 448, 448), size.dense.embed_dim, HALF)
    assert size.geometry.work(HALF, (448, 448)).macs == macs


def test_content_decides_the_latency_of_every_mode_but_exact_counts() -> None:
    model = tiny()
    found = {name: model.depends_on_content(plan) for name, plan in PLANS.items()}
    assert found == dict.fromkeys(PLANS, True) | {"all": False, "topk": False, "shared": False}


def test_a_pass_leaves_no_trace_in_the_model() -> None:
    model, x = tiny(), image()
    names, before = set(vars(model)), x.clone()
    first = outputs(model, x)
    for plan in PLANS.values():
        outputs(model, x, plan)
    assert all(torch.equal(a, b) for a, b in zip(first, outputs(model, x), strict=True))
    assert set(vars(model)) == names and torch.equal(x, before)


def test_two_threads_run_two_plans_on_one_model() -> None:
    model, x, plans = tiny(), image(1), (HALF, PLANS["argmax"])
    expected = [outputs(model, x, plan)[2] for plan in plans]
    results: list[list[Tensor]] = [[], []]

    def work(slot: int) -> None:
        results[slot] = [outputs(model, x, plans[slot])[2] for _ in range(5)]

    threads = [threading.Thread(target=work, args=(slot,)) for slot in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot in (0, 1):
        assert len(results[slot]) == 5
        assert all(torch.allclose(result, expected[slot], atol=1e-5) for result in results[slot])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_model(dtype: torch.dtype) -> None:
    # rounding may turn a close decision, so all tokens, and exact counts for their type alone
    model, x = tiny(), image(1)
    rounded = outputs(copy.deepcopy(model).to(dtype), x.to(dtype))
    for exact, half in zip(outputs(model, x), rounded, strict=True):
        assert (exact - half.float()).abs().mean() < 0.05 * exact.std()
    for plan in PLANS.values():
        assert all(f.dtype == dtype for f in outputs(copy.deepcopy(model).to(dtype), x.to(dtype), plan))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_autocast(plan: Plan) -> None:
    model, x = tiny(), image(1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = outputs(model, x, plan)
    assert all(torch.isfinite(found).all() for found in rounded)


def test_exact_counts_run_on_the_meta_device() -> None:
    # where a read of the data would fail: the same graph for all images
    with torch.device("meta"):
        maps = SelectiveViTAdapter(**TINY).eval()(torch.empty(2, 3, 70, 90), HALF)  # type: ignore[arg-type]
    assert [tuple(found.shape[2:]) for found in maps] == [(18, 23), (9, 12), (5, 6), (3, 3)]


def test_exact_counts_compile_to_one_graph() -> None:
    model, x = tiny(depth=2, interaction_indexes=((0, 0), (1, 1))), image(1, 64, 96)
    plan = Plan.of({"keep1": 0.5})
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert furthest(outputs(model, x, plan), outputs(compiled, x, plan)) < 1e-4


def test_exact_counts_export() -> None:
    model, plan, x = tiny(depth=2, interaction_indexes=((0, 0), (1, 1))), Plan.of({"keep1": 0.5}), image(2)

    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = model

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.backbone(x, plan)  # type: ignore[no-any-return]

    program = torch.export.export(Fixed().eval(), (torch.zeros_like(x),))
    assert furthest(outputs(model, x, plan), outputs(program.module(), x)) < 1e-4


def test_pictures_show_what_each_block_keeps() -> None:
    model, x = tiny(), image(2, 50, 90)
    pictures = model.pictures(x, PLANS["shared"])
    assert [picture.title for picture in pictures] == [f"block {block}" for block in range(3, 12)]
    for picture in pictures:
        assert picture.kind == "kept" and picture.values.shape == (2, 4, 6) and picture.cell == (16, 16)
        assert picture.values.sum((1, 2)).tolist() == [12, 12]
    assert torch.equal(pictures[3].values, pictures[5].values)
    assert not torch.equal(pictures[0].values, pictures[3].values)
    assert all(picture.values.all() for picture in model.pictures(x))


def test_unknown_knob_is_refused_before_any_work() -> None:
    with pytest.raises(
        PlanError, match=r"unknown knobs \['stage2'\]; an SViT with these selectors has mode, keep, keep3_5"
    ):
        tiny()(image(), {"stage2": 0.1})


def test_noise_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"decision 1 needs noise of shape \(2, 24, 2\); got \[\(2, 24, 2\)\]"):
        tiny()(image(), PLANS["gumbel"], noise=noise(2, 24, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 5}, "num_heads=5 must divide embed_dim=24"),
        ({"tau": 0}, "tau=0 be above 0"),
        ({"select_blocks": [5, 4]}, r"select_blocks=\(5, 4\) must be some of the blocks \[0, 1,"),
        ({"select_blocks": [12]}, r"select_blocks=\(12,\) must be"),
        ({"keep_ratio": [0.5]}, r"keep_ratio=\(0.5,\) must be one share in \(0, 1\] per selector, 9"),
        ({"keep_ratio": [0.0] * 9}, "must be one share in"),
        ({"interaction_indexes": [(0, 11)]}, "must be some of the blocks"),
    ],
)
def test_contradictory_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(**options)


def test_selectors_can_stand_elsewhere() -> None:
    model, x = tiny(select_blocks=[1, 2, 7], keep_ratio=[0.5, 0.5, 0.25]), image(1)
    assert model.space((64, 96)).names == ("keep1_2", "keep7")
    seen = traced(model, x, Plan.of({"keep1_2": 0.5, "keep7": 0.25}))
    assert [int(seen[f"selector{j}.kept"].sum()) for j in range(3)] == [12, 12, 6]
    assert [block.kept for block in model.work({"keep1_2": 0.5, "keep7": 0.25}, (64, 96)).blocks[:8]] == [
        *(24, 12, 12, 24, 24, 24, 24, 6)
    ]
